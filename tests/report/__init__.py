"""Tests of the charts and pages."""
