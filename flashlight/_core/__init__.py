"""What everything stands on: dtypes, tensors, views, the tape, the operator table. Nothing here knows an operator by name."""
