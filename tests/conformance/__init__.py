"""Which items of the checklists beside this file have a test that passes."""
