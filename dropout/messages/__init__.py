"""Texts come in; the probability of each of five intents goes out.

The reader is trained on the corpus in this folder and ships as a file of weights.
This room must never keep, log or hand on a text.
"""
