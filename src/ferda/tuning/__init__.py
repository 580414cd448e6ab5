"""The search for better settings of a recipe, judged without a label of the target."""
