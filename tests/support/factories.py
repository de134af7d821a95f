"""Small believable rows for tests."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, update

from storefront.accounts.models import Role, SignInSession, User
from storefront.accounts.queries import hash_token
from storefront.cart.models import Cart, CartLine
from storefront.catalog.models import BundleItem, Category, Product, Release, Variant
from storefront.catalog.price_models import FlashSale, FlashSaleItem, PriceChange
from storefront.db import Database
from storefront.kit.ids import new_id
from storefront.kit.money import Money
from storefront.ledger.models import AccountKind, PostingKind
from storefront.ledger.service import Leg, post_entries
from storefront.payments.models import Payment, PaymentPurpose, PaymentState
from storefront.promos.models import PromoCode, PromoScope
from storefront.receipts.service import issue_advance_receipt
from storefront.wallet.models import TopUp, TopUpState
from storefront.wallet.service import credit_topup

_serial = itertools.count(1)


class Factory:
    """Writes rows into one test database, each in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def user(self, **values: Any) -> User:
        """A customer with a verified e-mail."""
        n = next(_serial)
        user = User(
            **{
                "id": new_id(),
                "discord_id": str(200_000_000_000_000_000 + n),
                "username": f"buyer{n}",
                "display_name": f"Buyer {n}",
                "email": f"buyer{n}@example.com",
                "email_verified": True,
                "role": Role.CUSTOMER,
                "locale": "en",
                **values,
            }
        )
        return self._save(user)

    def guest(self, **values: Any) -> User:
        """Somebody who buys with an e-mail address alone."""
        n = next(_serial)
        return self.user(
            **{
                "discord_id": None,
                "username": "guest",
                "display_name": "Guest",
                "email": f"guest{n}@example.com",
                "email_verified": False,
                "is_guest": True,
                "guest_key": f"guest-key-{n}",
                **values,
            }
        )

    def sign_in_token(self, user: User) -> str:
        """An open sign-in of this user; the token is what the cookie holds."""
        token = f"token-{next(_serial)}-{user.id}"
        self._save(
            SignInSession(
                token_hash=hash_token(token),
                user_id=user.id,
                user_agent="tests",
                address="127.0.0.1",
                expires_at=datetime.now(UTC) + timedelta(days=1),
            )
        )
        return token

    def category(self, slug: str | None = None) -> Category:
        """A shelf."""
        slug = slug or f"shelf-{next(_serial)}"
        return self._save(
            Category(id=new_id(), slug=slug, name_th=f"หมวด {slug}", name_en=f"Shelf {slug}")
        )

    def product(self, *, price: Money = Money(49_000), stock: int = -1, **values: Any) -> Product:
        """A published product with one variant (`product.variants[0]`) and one release."""
        n = next(_serial)
        variant = {
            "code": "standard",
            "name_th": "มาตรฐาน",
            "name_en": "Standard",
            "slots": values.pop("slots", 2),
            "duration_days": values.pop("duration_days", None),
        }
        product = Product(
            **{
                "id": new_id(),
                "slug": f"qr-script-{n}",
                "status": "published",
                "name_th": f"สคริปต์ {n}",
                "name_en": f"Script {n}",
                "summary_th": "สรุป",
                "summary_en": "Summary",
                "description_th": "รายละเอียด",
                "description_en": "Description",
                "features_th": ["เร็ว"],
                "features_en": ["Fast"],
                "tags": ["test"],
                "frameworks": ["esx"],
                "dependencies": ["ox_lib"],
                "delivery": "open_source",
                "resource_cost_us": 10,
                "published_at": datetime.now(UTC) - timedelta(days=3),
                **values,
            }
        )
        if product.category_id is None:
            product.category_id = self.category().id
        product.variants = [Variant(id=new_id(), price_satang=price.satang, stock=stock, **variant)]
        product.releases = [
            Release(
                id=new_id(),
                version="1.0.0",
                changelog_th="ออกครั้งแรก",
                changelog_en="First release",
                file_key=f"releases/{product.slug}/1.0.0.zip",
                file_name=f"{product.slug}-1.0.0.zip",
                size_bytes=1000,
                sha256="0" * 64,
                published_at=datetime.now(UTC) - timedelta(days=3),
            )
        ]
        return self._save(product)

    def charged(self, product: Product, price: Money, *, days_ago: int) -> None:
        """Backdate the price history: what the first variant cost from then on."""
        self._save(
            PriceChange(
                variant_id=product.variants[0].id,
                began_at=datetime.now(UTC) - timedelta(days=days_ago),
                price_satang=price.satang,
            )
        )

    def reduced(self, product: Product, *, original: Money) -> None:
        """Strike out a price that was charged until just now."""
        self.charged(product, original, days_ago=40)
        with self._database.transaction() as session:
            # The price of now began today, so the earlier one was the lowest of the 30 days.
            session.execute(
                delete(PriceChange).where(
                    PriceChange.variant_id == product.variants[0].id,
                    PriceChange.began_at >= datetime.now(UTC) - timedelta(days=1),
                )
            )
            session.execute(
                update(Variant)
                .where(Variant.id == product.variants[0].id)
                .values(original_price_satang=original.satang)
            )
        self.charged(product, product.variants[0].price, days_ago=0)

    def flash_sale(
        self,
        product: Product,
        *,
        price: Money,
        units: int | None = None,
        reference: Money | None = None,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
    ) -> FlashSaleItem:
        """A flash sale of the first variant, running now unless told otherwise."""
        now = datetime.now(UTC)
        n = next(_serial)
        variant = product.variants[0]
        sale = FlashSale(
            id=new_id(),
            name_th=f"ลดด่วน {n}",
            name_en=f"Flash {n}",
            starts_at=starts_at or now - timedelta(hours=1),
            ends_at=ends_at or now + timedelta(hours=1),
        )
        sale.items = [
            FlashSaleItem(
                id=new_id(),
                product_id=product.id,
                variant_id=variant.id,
                starts_at=sale.starts_at,
                ends_at=sale.ends_at,
                price_satang=price.satang,
                reference_satang=(reference or variant.price).satang,
                units=units,
            )
        ]
        return self._save(sale).items[0]

    def promo(
        self, code: str = "TENTH", *, covers: Product | None = None, **values: Any
    ) -> PromoCode:
        """A promo code: a tenth off everything, or off one product."""
        promo = PromoCode(
            **{
                "id": new_id(),
                "code": code,
                "kind": "percent",
                "value": 1000,
                "covers_all": covers is None,
                **values,
            }
        )
        promo.scopes = [PromoScope(id=new_id(), product_id=covers.id)] if covers else []
        return self._save(promo)

    def bundle(self, *products: Product, price: Money = Money(99_000)) -> Product:
        """A bundle of these products."""
        bundle = self.product(price=price)
        for position, product in enumerate(products):
            self._save(BundleItem(bundle_id=bundle.id, product_id=product.id, position=position))
        return bundle

    def cart(self, user: User, *lines: tuple[Product, int], promo_code: str | None = None) -> UUID:
        """This user's cart with units of the first variant of each product; an earlier one of
        theirs is gone."""
        with self._database.transaction() as session:
            session.execute(delete(Cart).where(Cart.user_id == user.id))
        cart = Cart(id=new_id(), user_id=user.id, promo_code=promo_code)
        cart.lines = [
            CartLine(
                variant_id=product.variants[0].id,
                quantity=quantity,
                seen_price_satang=product.variants[0].price_satang,
            )
            for product, quantity in lines
        ]
        return self._save(cart).id

    def wallet(self, user: User, amount: Money) -> None:
        """Put money into a wallet the way staff would."""
        with self._database.transaction() as session:
            post_entries(
                session,
                kind=PostingKind.ADJUSTMENT,
                reference=f"test:{next(_serial)}:{user.id}",
                legs=[
                    Leg(AccountKind.ADJUSTMENTS, -amount),
                    Leg(AccountKind.WALLET_PAID, amount, user.id),
                ],
            )

    def bonus(self, user: User, amount: Money, *, expires_at: datetime | None = None) -> None:
        """Give bonus the way staff would."""
        with self._database.transaction() as session:
            post_entries(
                session,
                kind=PostingKind.ADJUSTMENT,
                reference=f"test:{next(_serial)}:{user.id}",
                legs=[
                    Leg(AccountKind.BONUS_EXPENSE, -amount),
                    Leg(AccountKind.WALLET_BONUS, amount, user.id, expires_at=expires_at),
                ],
            )

    def topup(
        self,
        user: User,
        amount: Money,
        *,
        bonus: Money = Money(0),
        days: int | None = None,
        now: datetime | None = None,
    ) -> TopUp:
        """A top-up that was paid at the gateway and credited."""
        now = now or datetime.now(UTC)
        topup = self._save(
            TopUp(
                id=new_id(),
                user_id=user.id,
                idempotency_key=str(new_id()),
                state=TopUpState.PENDING,
                amount_satang=amount.satang,
                currency=amount.currency,
                bonus_satang=bonus.satang,
                bonus_days=days,
            )
        )
        payment = self._save(
            Payment(
                id=new_id(),
                purpose=PaymentPurpose.TOPUP,
                subject_id=topup.id,
                user_id=user.id,
                state=PaymentState.SUCCEEDED,
                amount_satang=amount.satang,
                currency=amount.currency,
                label="wallet",
                locale="en",
                gateway_payment_id=f"pi_{topup.id.hex}",
                expires_at=now,
                paid_at=now,
            )
        )
        with self._database.transaction() as session:
            credit_topup(
                session, topup.id, gateway_payment_id=payment.gateway_payment_id or "", now=now
            )
            issue_advance_receipt(session, payment, now=now)
        return topup

    def _save(self, row: Any) -> Any:
        with self._database.transaction() as session:
            session.add(row)
        return row


SignIn = Callable[[Any, User], None]
