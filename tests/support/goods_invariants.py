"""Invariants of what is handed out and of what is told to others."""

GOODS_INVARIANTS = {
    "U1 an upload that is ready made a draft of its own product and version": """
        SELECT u.id FROM release_uploads u JOIN releases r ON r.id = u.release_id
        WHERE u.product_id <> r.product_id OR u.version <> r.version""",
    "U2 nothing was published whose findings nobody confirmed": """
        SELECT u.id FROM release_uploads u JOIN releases r ON r.id = u.release_id
        CROSS JOIN jsonb_array_elements(u.findings) f
        WHERE r.published_at IS NOT NULL AND u.confirmed_at IS NULL
            AND f ->> 'kind' <> 'protected'""",
    "no key and no secret is ever told": r"""
        SELECT id FROM outgoing_events
        WHERE data::text ~ '(^|[^0-9A-Za-z-])[0-9A-Z]{4}(-[0-9A-Z]{4}){3}($|[^0-9A-Za-z-])'
            OR data::text ~ 'whsec_|gAAAA'""",
    "a delivery that succeeded was answered 2xx": """
        SELECT d.id FROM outgoing_deliveries d LEFT JOIN outgoing_attempts a
            ON a.delivery_id = d.id AND a.number = d.claim
        WHERE d.state = 'succeeded' AND NOT coalesce(a.status BETWEEN 200 AND 299, false)""",
    "D1 no licence passes its downloads of one day": """
        SELECT d.id FROM downloads d WHERE (
            SELECT count(*) FROM downloads e WHERE e.license_id = d.license_id
                AND e.created_at <= d.created_at
                AND e.created_at > d.created_at - interval '24 hours') > 20""",
    "D2 a download carries the mark of its own licence and release": """
        SELECT d.id FROM downloads d JOIN download_marks m ON m.id = d.mark_id
        WHERE m.license_id <> d.license_id OR m.release_id <> d.release_id""",
}
