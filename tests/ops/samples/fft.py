"""Samples of Fourier transforms."""

import numpy as np

from ...oracle import A, D, T
from . import R, S

HANN = T(np.hanning(17)[:-1].astype(np.float32), grad=False)

for name in ("fft", "ifft"):
    for norm in (None, "backward", "forward", "ortho"):
        S(f"fft.{name}", A(2, 5), norm=norm)
    for n in (3, 8):
        S(f"fft.{name}", A(2, 5, dtype="complex64"), n, 0)
    S(f"fft.{name}", A(4, dtype="int64"))
    S(f"fft.{name}", A(4, dtype="bool"))
    S(f"fft.{name}n", A(2, 3, 4))
    S(f"fft.{name}n", A(2, 3, 4, dtype="complex64"), (2, 5), norm="ortho")
    S(f"fft.{name}n", A(2, 3, 4), dim=(0, 2), norm="forward")
    S(f"fft.{name}n", A(2, 3), dim=())
    S(f"fft.{name}n", A(2, 3, 4), (2, -1))
    S(f"fft.{name}2", A(2, 3, 4))
    S(f"fft.{name}2", A(3, 4), (2, 6), norm="ortho")
for name in ("rfft", "ihfft"):
    for norm in (None, "forward", "ortho"):
        S(f"fft.{name}", A(2, 5), norm=norm)
        S(f"fft.{name}", A(2, 6), norm=norm)
    S(f"fft.{name}", A(2, 5), 3)
    S(f"fft.{name}", A(2, 5), 8, 0)
    S(f"fft.{name}n", A(2, 3, 4), norm="ortho")
    S(f"fft.{name}n", A(2, 3, 4), (5, 3), norm="forward")
    S(f"fft.{name}n", A(2, 3, 4), dim=(2, 0))
    S(f"fft.{name}2", A(2, 3, 4))
    R(f"fft.{name}", A(4, dtype="complex64"))
    R(f"fft.{name}n", A(4, 4, dtype="complex64"))
for name in ("irfft", "hfft"):
    for norm in (None, "forward", "ortho"):
        S(f"fft.{name}", A(2, 4, dtype="complex64"), norm=norm)
        S(f"fft.{name}", A(2, 4, dtype="complex64"), 7, norm=norm)
    S(f"fft.{name}", A(2, 4))
    S(f"fft.{name}", A(4, 2, dtype="complex64"), 5, 0)
    S(f"fft.{name}", A(4, 2, dtype="complex64"), 12, 0)
    S(f"fft.{name}n", A(2, 3, 4, dtype="complex64"), norm="ortho")
    S(f"fft.{name}n", A(2, 3, 4, dtype="complex64"), (3, 5), norm="forward")
    S(f"fft.{name}2", A(2, 3, 4, dtype="complex64"))
    R(f"fft.{name}", A(1, dtype="complex64"))
S("fft.fftfreq", 5)
S("fft.fftfreq", 4, 0.5)
S("fft.fftfreq", 4, dtype=D("float64"))
S("fft.fftfreq", 0)
S("fft.rfftfreq", 5, 0.1)
S("fft.rfftfreq", 6)
for name in ("fftshift", "ifftshift"):
    S(f"fft.{name}", A(3, 4))
    S(f"fft.{name}", A(3, 5), 1)
    S(f"fft.{name}", A(3, 5), (0,))
R("fft.fft", A(4), 0)
R("fft.fft", A(4), dim=2)
R("fft.fft", A())
R("fft.fft", A(4), norm="x")
R("fft.fft", A(4, dtype="float16"))
R("fft.fft", A(0))
R("fft.fft2", A(4))
R("fft.fft2", A(3, 4), (2,))
R("fft.fft2", A(3, 4), dim=(0, 0))
R("fft.irfftn", A(2, 3, dtype="complex64"), dim=())
R("fft.rfftn", A())
R("fft.fftfreq", 4, dtype=D("int64"))

# -------------------------------------------------------------------------------------------------------- short windows
SIGNAL = A(2, 40)
S("stft", A(40), 16, return_complex=True)
S("stft", SIGNAL, 16, 4, 16, HANN, return_complex=True)
S("stft", SIGNAL, 16, 5, 8, T(np.hanning(8).astype(np.float32), grad=False), normalized=True, return_complex=True)
S("stft", SIGNAL, 16, center=False, return_complex=True)
S("stft", SIGNAL, 16, onesided=False, return_complex=True)
S("stft", A(40, dtype="complex64"), 16, return_complex=True)
S("stft", SIGNAL, 16, return_complex=False, options={"second": False})
for mode in ("constant", "replicate", "circular"):
    S("stft", SIGNAL, 16, pad_mode=mode, return_complex=True)
S("istft", A(9, 12, dtype="complex64"), 16)
S("istft", A(2, 9, 12, dtype="complex64"), 16, 4, 16, HANN)
S("istft", A(9, 12, dtype="complex64"), 16, normalized=True)
S("istft", A(9, 12, dtype="complex64"), 16, length=30)
S("istft", A(9, 12, dtype="complex64"), 16, length=60)
S("istft", A(16, 12, dtype="complex64"), 16, onesided=False, return_complex=True)
S("istft", A(9, 12, dtype="complex64"), 16, center=False)
R("stft", A(40), 16)
R("stft", A(40, dtype="complex64"), 16, onesided=True, return_complex=True)
R("stft", A(10), 16, center=False, return_complex=True)
R("stft", A(2, 3, 40), 16, return_complex=True)
R("stft", A(40), 16, win_length=20, return_complex=True)
R("stft", A(40), 16, window=A(5), return_complex=True)
R("stft", A(40), 16, hop_length=0, return_complex=True)
R("stft", A(5), 16, return_complex=True)
R("stft", A(40, dtype="int64"), 16, return_complex=True)
R("istft", A(9, 12, 2), 16)
R("istft", A(8, 12, dtype="complex64"), 16)
R("istft", A(9, 12, dtype="complex64"), 16, window=T(np.zeros(16, dtype=np.float32)))
R("istft", A(9, 12, dtype="complex64"), 16, return_complex=True)
R("istft", A(9, 12, dtype="complex64"), 16, 32)
R("istft", A(9, dtype="complex64"), 16)


# ------------------------------------------------------------------------------------- dimensions are looked at before lengths
for name in ("fft2", "ifft2", "rfft2", "irfft2", "hfft2", "ihfft2"):
    R(f"fft.{name}", A(3), s=(2, 8))
for name in ("fftn", "irfftn", "ihfftn"):
    R(f"fft.{name}", A(3), s=(2, 8), dim=(-2, -1))
for mode in ("reflect", "replicate", "constant"):
    R("stft", A(110, dtype="bool"), 10, pad_mode=mode, return_complex=True)
