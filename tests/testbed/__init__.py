"""The real servers that tests run against: found or made once, started by the tests, ended by them.

Knows nothing of the product: it hands out addresses and credentials.
"""
