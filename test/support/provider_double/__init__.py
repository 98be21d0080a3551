"""What the server that plays the providers is made of."""
