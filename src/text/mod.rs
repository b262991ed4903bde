//! Text: cleaning and n-grams, with Python's idea of a character.
