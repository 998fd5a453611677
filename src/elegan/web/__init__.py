"""The studio: a local page over run folders, models and the same verbs as the shell's.

It reads what trainings write and starts them as processes of their own, so that closing the page
or its server ends no training.
"""
