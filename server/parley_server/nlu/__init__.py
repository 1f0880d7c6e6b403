"""Understanding: text in, what it says out."""
