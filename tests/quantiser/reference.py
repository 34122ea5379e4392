"""The truth: the samples themselves, which an answer is at most a step away from."""


def answer(fixture, requests):
    """Return the true outputs of all requests."""
    return {"out": requests["samples"]}
