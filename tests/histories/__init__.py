"""Histories that hypothesis invents, played against the whole system and against a model beside it."""
