"""What torch.library is made of: schemas of functions."""
