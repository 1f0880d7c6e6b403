"""Understanding has no deadline in tests: the first phone number or foreign date imports large tables."""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
