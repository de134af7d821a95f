"""The hosted payment pages a buyer is sent to, as plain HTML forms."""

from flask import Blueprint, Flask, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from storefront.sandbox.world.state import World
from storefront.sandbox.world.storage import JsonObject
from storefront.sandbox.world.stripe_desk import Desk, work
from storefront.sandbox.world.stripe_errors import StripeError
from storefront.sandbox.world.stripe_intents import settle_promptpay
from storefront.sandbox.world.stripe_sessions import (
    BAD_CARD,
    awaits_money,
    expire_due_sessions,
    expire_session,
    pay_by_card,
    pay_by_promptpay,
    settle_session,
    success_address,
)
from storefront.sandbox.world.stripe_texts import TEXTS, refusal_in

SESSION_VERBS = ("pay", "decline", "promptpay", "expire", "succeed", "fail")
INTENT_VERBS = ("succeed", "fail", "expire", "pay_late")


def register_stripe_pages(app: Flask, world: World) -> None:
    blueprint = Blueprint("stripe_pages", __name__, url_prefix="/stripe")

    @blueprint.get("/pay/<session_id>")
    def session_page(session_id: str) -> Response:
        return _session_page(world, session_id)

    @blueprint.post("/pay/<session_id>/<verb>")
    def session_verb(session_id: str, verb: str) -> AnyResponse:
        try:
            session = act_on_session(world, session_id, verb, request.form.get("email"))
        except StripeError:
            # The page reads the state again and says what it is: declined, paid, expired.
            return redirect(f"/stripe/pay/{session_id}", 303)
        if session["status"] == "complete" and verb != "promptpay":
            return redirect(success_address(session), 303)
        return redirect(f"/stripe/pay/{session_id}", 303)

    @blueprint.get("/promptpay/<intent_id>")
    def intent_page(intent_id: str) -> Response:
        return _intent_page(world, intent_id)

    @blueprint.post("/promptpay/<intent_id>/<verb>")
    def intent_verb(intent_id: str, verb: str) -> AnyResponse:
        try:
            intent = act_on_intent(world, intent_id, verb)
        except StripeError:
            return redirect(f"/stripe/promptpay/{intent_id}", 303)
        return redirect(intent["_return_url"] or f"/stripe/promptpay/{intent_id}", 303)

    app.register_blueprint(blueprint)


def act_on_session(
    world: World, session_id: str, verb: str, email: str | None = None
) -> JsonObject:
    """What the page's buttons and the controls share: pay, decline, promptpay, expire, and
    succeed or fail for a session that waits for its PromptPay transfer."""
    desk = Desk(world)

    def act() -> JsonObject:
        expire_due_sessions(desk)
        if verb == "pay":
            return pay_by_card(desk, session_id, email=email)
        if verb == "decline":
            return pay_by_card(desk, session_id, card=BAD_CARD, email=email)
        if verb == "promptpay":
            return pay_by_promptpay(desk, session_id, email)
        if verb == "expire":
            return expire_session(desk, session_id)
        if verb in ("succeed", "fail"):
            return settle_session(desk, session_id, is_paid=verb == "succeed")
        raise StripeError(f"Unknown action: {verb}", status=404)

    return work(world, act)


def act_on_intent(world: World, intent_id: str, verb: str) -> JsonObject:
    """Succeed, fail or expire a PromptPay intent that waits, or pay one that is closed; one of a
    session settles that too."""
    desk = Desk(world)

    def act() -> JsonObject:
        if verb not in INTENT_VERBS:
            raise StripeError(f"Unknown action: {verb}", status=404)
        intent = desk.get("payment_intent", intent_id)
        if session_id := intent.get("_session"):
            settle_session(desk, session_id, is_paid=verb == "succeed")
            return desk.get("payment_intent", intent_id)
        return settle_promptpay(desk, intent_id, verb)

    return work(world, act)


def _session_page(world: World, session_id: str) -> Response:
    desk = Desk(world)
    with world.store.transaction():
        expire_due_sessions(desk)
        session = world.store.find(session_id, "checkout.session")
        if session is None:
            return _missing()
        language = _language(session["locale"])
        intent = None
        if session["payment_intent"]:
            intent = desk.get("payment_intent", session["payment_intent"])
        state = _state_of(desk, session, intent)
    error = (intent or {}).get("last_payment_error") or {}
    return _page(
        "stripe_pay.html",
        language,
        session=session,
        state=state,
        needs_email=not (session["customer_email"] or session["_customer_email"]),
        email=session["customer_email"] or session["_customer_email"] or session["_email"],
        refusal=refusal_in(language, error.get("message", "")),
        success_url=success_address(session),
    )


def _state_of(desk: Desk, session: JsonObject, intent: JsonObject | None) -> str:
    if session["status"] in ("open", "expired"):
        return str(session["status"])
    if session["payment_status"] == "paid":
        return "paid"
    return "waiting" if intent and awaits_money(desk, session) else "failed"


def _intent_page(world: World, intent_id: str) -> Response:
    intent = world.store.find(intent_id, "payment_intent")
    if intent is None:
        return _missing()
    language = _language("auto")
    error = intent["last_payment_error"] or {}
    return _page(
        "stripe_promptpay.html",
        language,
        intent=intent,
        refusal=refusal_in(language, error.get("message", "")),
    )


def _missing() -> Response:
    response = _page("stripe_missing.html", _language("auto"))
    response.status_code = 404
    return response


def _page(template: str, language: str, **values: object) -> Response:
    return make_response(render_template(template, t=TEXTS[language], language=language, **values))


def _language(locale: str | None) -> str:
    if locale in TEXTS:
        return str(locale)
    return request.accept_languages.best_match(list(TEXTS), "en") or "en"
