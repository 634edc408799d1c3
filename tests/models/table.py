"""The table of public models that are run under PyTorch and under flashlight: to add one, add a line.

``build(p, torch)`` gets the package and the library and gives a module; ``inputs(torch)`` gives what it is called with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Case(NamedTuple):
    """A model of a package, and its inputs."""

    package: str
    build: Callable
    inputs: Callable
    forward: Callable | None = None  # called with the module and the inputs; by default the module is called
    double: bool = True  # False for what computes in float32 in any case


CASES: dict[str, Case] = {}


def images(size: int, count: int = 2) -> Callable:
    return lambda torch: [torch.randn(count, 3, size, size)]


def tokens(length: int = 12, words: int = 64) -> Callable:
    return lambda torch: [torch.randint(1, words, (2, length))]


def _language(model, ids):
    return model(input_ids=ids, labels=ids)


# -------------------------------------------------------------------------------------------------------- torchvision
for _name in ("resnet18", "densenet121", "mobilenet_v3_small", "shufflenet_v2_x0_5", "squeezenet1_1", "swin_t"):
    CASES[_name] = Case("torchvision", lambda p, torch, n=_name: getattr(p.models, n)(num_classes=5), images(64))
CASES["vision_transformer"] = Case(
    "torchvision",
    lambda p, torch: p.models.VisionTransformer(32, 8, 2, 4, 32, 64, dropout=0.1, attention_dropout=0.1, num_classes=5),
    images(32),
)

# --------------------------------------------------------------------------------------------------------------- timm
for _name in ("resnet10t", "convnext_atto", "repvgg_a0", "ghostnet_050"):
    CASES[_name] = Case("timm", lambda p, torch, n=_name: p.create_model(n, num_classes=5), images(64))

# ------------------------------------------------------------------------------------------------------- transformers
_SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
_WORDS = {"vocab_size": 64, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
for _name, _more in {
    "Llama": {"num_key_value_heads": 2},
    "Mistral": {"num_key_value_heads": 2, "sliding_window": 6},
    "Qwen2": {"num_key_value_heads": 2},
    "Gemma": {"num_key_value_heads": 2, "head_dim": 8},
    "GPTNeoX": {},
}.items():
    CASES[_name] = Case(
        "transformers",
        lambda p, torch, n=_name, more=_more: getattr(p, f"{n}ForCausalLM")(
            getattr(p, f"{n}Config")(**_SIZES, **_WORDS, **more)
        ),
        tokens(),
        _language,
    )
CASES["Mixtral"] = Case(
    "transformers",
    lambda p, torch: p.MixtralForCausalLM(
        p.MixtralConfig(num_key_value_heads=2, num_local_experts=4, num_experts_per_tok=2, **_SIZES, **_WORDS)
    ),
    tokens(),
    _language,
    double=False,
)
CASES["GPT2"] = Case(
    "transformers",
    lambda p, torch: p.GPT2LMHeadModel(
        p.GPT2Config(n_embd=32, n_layer=2, n_head=4, n_positions=32, vocab_size=64, bos_token_id=1, eos_token_id=2)
    ),
    tokens(),
    _language,
)
for _name in ("Bert", "Albert", "DebertaV2"):
    CASES[_name] = Case(
        "transformers",
        lambda p, torch, n=_name: getattr(p, f"{n}ForMaskedLM")(getattr(p, f"{n}Config")(vocab_size=64, **_SIZES)),
        tokens(),
        _language,
    )
CASES["T5"] = Case(
    "transformers",
    lambda p, torch: p.T5ForConditionalGeneration(
        p.T5Config(vocab_size=64, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, decoder_start_token_id=0)
    ),
    tokens(),
    _language,
)
CASES["Mamba"] = Case(
    "transformers",
    lambda p, torch: p.MambaForCausalLM(p.MambaConfig(hidden_size=16, num_hidden_layers=2, state_size=4, **_WORDS)),
    tokens(),
    _language,
)
CASES["ViTMAE"] = Case(
    "transformers",
    lambda p, torch: p.ViTMAEForPreTraining(
        p.ViTMAEConfig(
            image_size=32,
            patch_size=8,
            decoder_hidden_size=32,
            decoder_num_hidden_layers=1,
            decoder_num_attention_heads=4,
            decoder_intermediate_size=64,
            **_SIZES,
        )
    ),
    images(32),
)

# ---------------------------------------------------------------------------------------------------------- diffusion
CASES["UNet2D"] = Case(
    "diffusers",
    lambda p, torch: p.UNet2DModel(
        sample_size=16,
        layers_per_block=1,
        block_out_channels=(8, 16),
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    ),
    lambda torch: [torch.randn(2, 3, 16, 16), torch.tensor([3, 7])],
)
CASES["AutoencoderKL"] = Case(
    "diffusers",
    lambda p, torch: p.AutoencoderKL(
        block_out_channels=(8, 16),
        norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
    ),
    images(16),
    lambda model, x: model(x, sample_posterior=True),
)
CASES["GaussianDiffusion"] = Case(
    "denoising_diffusion_pytorch",
    lambda p, torch: p.GaussianDiffusion(p.Unet(dim=8, dim_mults=(1, 2), flash_attn=True), image_size=16, timesteps=20),
    lambda torch: [torch.rand(2, 3, 16, 16)],
    double=False,
)

# ---------------------------------------------------------------------------------------------- transformers by others
CASES["x_transformers"] = Case(
    "x_transformers",
    lambda p, torch: p.TransformerWrapper(
        num_tokens=64,
        max_seq_len=32,
        attn_layers=p.Decoder(dim=32, depth=2, heads=4, rotary_pos_emb=True, ff_glu=True, attn_dropout=0.1),
    ),
    tokens(),
)
CASES["vit_pytorch"] = Case(
    "vit_pytorch",
    lambda p, torch: p.ViT(
        image_size=32, patch_size=8, num_classes=5, dim=32, depth=2, heads=4, mlp_dim=64, dropout=0.1, emb_dropout=0.1
    ),
    images(32),
)
CASES["performer"] = Case(
    "performer_pytorch",
    lambda p, torch: p.PerformerLM(
        num_tokens=64, max_seq_len=32, dim=32, depth=2, heads=4, nb_features=16, causal=False
    ),
    tokens(),
)
CASES["perceiver"] = Case(
    "perceiver_pytorch",
    lambda p, torch: p.Perceiver(
        input_channels=3,
        input_axis=2,
        num_freq_bands=3,
        max_freq=10.0,
        depth=2,
        num_latents=8,
        latent_dim=16,
        num_classes=5,
    ),
    lambda torch: [torch.randn(2, 8, 8, 3)],
)
CASES["siren"] = Case(
    "siren_pytorch",
    lambda p, torch: p.SirenNet(dim_in=2, dim_hidden=32, dim_out=3, num_layers=3),
    lambda torch: [torch.rand(20, 2) * 2 - 1],
)
CASES["VectorQuantize"] = Case(
    "vector_quantize_pytorch",
    # its codebook is a moving average: the layer before it is what learns
    lambda p, torch: torch.nn.Sequential(
        torch.nn.Linear(16, 16), p.VectorQuantize(dim=16, codebook_size=32, decay=0.8)
    ),
    lambda torch: [torch.randn(2, 20, 16)],
    double=False,
)

# -------------------------------------------------------------------------------------------------------------- graphs
for _name in ("GCN", "GAT", "GraphSAGE", "GIN"):
    CASES[f"graph_{_name}"] = Case(
        "torch_geometric",
        lambda p, torch, n=_name: getattr(p.nn, n)(8, 16, 2, 4, dropout=0.2),
        lambda torch: [torch.randn(10, 8), torch.randint(0, 10, (2, 40))],
    )
