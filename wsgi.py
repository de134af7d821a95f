"""The WSGI entry: `granian --interface wsgi wsgi:app`."""

import sys

from storefront.app import create_app
from storefront.bootstrap import boot
from storefront.config import Settings, SettingsError
from storefront.logs import init_logging

init_logging()
try:
    app = create_app(boot(Settings.from_env()))
except SettingsError as error:
    sys.exit(str(error))
