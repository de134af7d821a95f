"""Refusals in the shape of Stripe's API errors (https://docs.stripe.com/api/errors)."""

from storefront.sandbox.world.storage import JsonObject


class StripeError(Exception):
    """A refusal. `keep_effects` commits what happened (a decline leaves a failed charge);
    `save` is whether an idempotency key replays it (Stripe forgets parameter errors)."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        keep_effects: bool = False,
        save: bool = True,
        extra: JsonObject | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        self.code = code
        self.param = param
        self.keep_effects = keep_effects
        self.save = save
        self.extra = extra or {}

    def body(self, request_id: str) -> JsonObject:
        error: JsonObject = {"message": self.message, "type": self.kind}
        if self.code:
            error["code"] = self.code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        if self.param:
            error["param"] = self.param
        error["request_log_url"] = f"https://dashboard.stripe.com/test/logs/{request_id}"
        return {"error": {**error, **self.extra}}


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> StripeError:
    """A parameter refused before anything was executed, so no idempotency key keeps it."""
    return StripeError(message, param=param, code=code, save=False)


def no_such(kind: str, object_id: str, *, param: str = "id", status: int = 404) -> StripeError:
    """`kind` in Stripe's lower-case words: "checkout.session", "payment_intent"."""
    return StripeError(
        f"No such {kind}: '{object_id}'",
        status=status,
        code="resource_missing",
        param=param,
        save=False,
    )
