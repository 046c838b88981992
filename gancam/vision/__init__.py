"""Picture maths that knows no model: motion, blending, text."""
