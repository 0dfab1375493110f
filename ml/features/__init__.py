"""What a model learns from: densities, recency, smoothing, sampled examples."""
