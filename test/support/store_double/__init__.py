"""What the gate before an S3 server is made of."""
