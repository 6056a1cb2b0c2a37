"""Tests of the files and engines for heavy questions."""
