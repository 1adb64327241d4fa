"""The JSON Schemas of the documents in the bucket."""
