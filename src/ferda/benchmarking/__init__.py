"""Tables of many trainings: methods x domains x seeds, run, resumed, and reported."""
