from tests.services import workshop

__all__ = ["workshop"]
