"""What the two parties of a handoff do with it: answer, open content, review, read, list."""

from gateway.exchange.handoffs.answering import AnswerRequest
from gateway.exchange.handoffs.answers import answer
from gateway.exchange.handoffs.consultations import ReviewRequest, consult, review
from gateway.exchange.handoffs.views import look_up, notices, page

__all__ = (
    "AnswerRequest",
    "ReviewRequest",
    "answer",
    "consult",
    "look_up",
    "notices",
    "page",
    "review",
)
