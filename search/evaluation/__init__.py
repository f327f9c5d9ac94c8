"""How good search is: the figures of a folder of questions and answers, measured over HTTP on a scratch index."""
