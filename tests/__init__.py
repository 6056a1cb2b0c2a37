"""Tests mirror the packages that they test."""
