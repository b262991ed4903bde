"""The API of the "APIs for Model Serving" lesson, as Linnet's reference."""
