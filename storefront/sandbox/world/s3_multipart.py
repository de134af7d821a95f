"""When uploads in parts were begun. moto says 2010 of all of them, and sweeps go by age."""

import re
from datetime import UTC, datetime

UPLOAD_ID = re.compile(rb"<UploadId>([^<]+)</UploadId>")
LISTED = re.compile(
    rb"(<UploadId>([^<]+)</UploadId>(?:(?!</Upload>).)*?<Initiated>)[^<]+(</Initiated>)", re.S
)
LISTED_BEFORE = re.compile(
    rb"(<Initiated>)[^<]+(</Initiated>(?:(?!</Upload>).)*?<UploadId>([^<]+)</UploadId>)", re.S
)


class Beginnings:
    """Of each upload in parts the moment it was begun, by its id."""

    def __init__(self) -> None:
        self._moments: dict[bytes, bytes] = {}

    def note(self, answer: bytes, now: float) -> None:
        """Remember what an answer to CreateMultipartUpload began."""
        found = UPLOAD_ID.search(answer)
        if found:
            moment = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
            self._moments[found[1]] = moment.encode()

    def correct(self, listing: bytes) -> bytes:
        """An answer to ListMultipartUploads with the real moments, in whichever order its fields
        stand."""

        def moment(upload_id: bytes) -> bytes:
            return self._moments.get(upload_id, b"2010-11-10T20:48:33.000Z")

        listing = LISTED.sub(lambda found: found[1] + moment(found[2]) + found[3], listing)
        return LISTED_BEFORE.sub(lambda found: found[1] + moment(found[3]) + found[2], listing)
