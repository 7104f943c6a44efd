"""The objects of `theory` as numbers: balls, mpmath, float64 arrays, flows. All errors name their argument."""
