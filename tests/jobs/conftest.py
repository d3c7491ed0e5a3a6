from tests.desks import workshop

__all__ = ["workshop"]
