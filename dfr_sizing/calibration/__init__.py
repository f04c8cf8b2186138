"""Load test to Model, and the check of a Model against load tests it has or has not seen."""
