"""Every setting comes from the environment or from `.env`; a fresh clone runs with none set.

`.env.example` explains each of them.
"""

import logging
import os
import re
from datetime import timedelta
from importlib.util import find_spec
from urllib.parse import quote

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key
from django.urls import reverse
from environs import validate

from visualsearch.environment import BASE_DIR, Environment, between, origin_of

VERSION = "0.1.0"

# Tests must not touch the shop that .env configures.
env = Environment(None if "PYTEST_VERSION" in os.environ else BASE_DIR / ".env")

LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]"]

DEBUG = env.bool("DEBUG", False)
ALLOWED_HOSTS = [*LOCAL_HOSTS, *(env.hosts("ALLOWED_HOSTS", "") or [])]
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS", "")
# Sites whose scripts may use the API for shoppers and read pictures, and sites that may frame the
# pages for shoppers. `visualsearch.origins` lists these paths and pages.
CORS_ALLOWED_ORIGINS = env.exact_origins("CORS_ALLOWED_ORIGINS", "")
CORS_ALLOWED_ORIGIN_REGEXES = env.origin_regexes("CORS_ALLOWED_ORIGIN_REGEX", "")
CORS_ALLOW_METHODS = ["GET", "HEAD", "POST"]
CORS_ALLOW_HEADERS = ["content-type"]  # no token: nobody writes from another site
CORS_EXPOSE_HEADERS = ["Retry-After", "X-Request-ID"]
FRAME_ANCESTORS = env.origins("FRAME_ANCESTORS", "")
SECRET_KEY = env.str("SECRET_KEY", "")
if not SECRET_KEY:
    if ALLOWED_HOSTS != LOCAL_HOSTS:
        raise ImproperlyConfigured("Set SECRET_KEY: ALLOWED_HOSTS names hosts beyond this machine.")
    SECRET_KEY = get_random_secret_key()  # for this process only; `make run` stores one in .env

# What shoppers know the shop by.
SHOP_NAME = env.str("SHOP_NAME", "visualsearch", validate=validate.Length(max=60))
SHOP_URL = env.web_address("SHOP_URL", "") or ""
SHOP_LOGO = env.logo("SHOP_LOGO", None)
SHOP_ACCENT = env.colour("SHOP_ACCENT", "") or ""

# The path under which the shop is reached, if another site has the rest of its host.
URL_PREFIX = env.url_prefix("URL_PREFIX", "") or ""
FORCE_SCRIPT_NAME = URL_PREFIX or None
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = URL_PREFIX or "/"
# A browser also sends the cookies of the shop at the root of the host, so the names differ.
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = (
    name + URL_PREFIX.replace("/", "_") for name in ("sessionid", "csrftoken")
)
LANGUAGE_COOKIE_NAME = "django_language" + URL_PREFIX.replace("/", "_")
LANGUAGE_COOKIE_PATH = SESSION_COOKIE_PATH
LANGUAGE_COOKIE_AGE = 365 * 24 * 60 * 60  # seconds
LANGUAGE_COOKIE_HTTPONLY, LANGUAGE_COOKIE_SAMESITE = True, "Lax"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # its cookie has no path

# Behind a proxy that terminates TLS: cookies only over https, and http is redirected to https.
HTTPS = env.bool("HTTPS", False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
LANGUAGE_COOKIE_SECURE = HTTPS
# These bypass the proxy.
SECURE_REDIRECT_EXEMPT = [f"^{re.escape(f'{URL_PREFIX}/'[1:])}(healthz|readyz|metrics)$"]
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", 0, validate=between(0, 10**9))
# Both affect every host of the domain, for years. This is the owner's decision, so the checks that
# recommend them are silenced.
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = env.bool("HSTS_WHOLE_DOMAIN", False)
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",  # so that an index can name an operator class
    "rest_framework",
    "rest_framework.authtoken",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "import_export",
    "axes",
    "corsheaders",
    "catalog",
    "search",
]

MIDDLEWARE = [
    "visualsearch.observing.observed",
    "visualsearch.origins.SharingMiddleware",
    "visualsearch.origins.FramingMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "visualsearch.static_files.CompressingMiddleware",
    "catalog.middleware.TroubleMiddleware",
    "visualsearch.logins.LoginMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "visualsearch.languages.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

# The host of a logo that is not a file of ours.
LOGO_HOSTS = [origin_of(SHOP_LOGO)] if isinstance(SHOP_LOGO, str) else []
# Every answer tells browsers to run only this site's files, and nothing written inside a page.
# Django itself sends Referrer-Policy, Cross-Origin-Opener-Policy and nosniff.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": NONE,
        "script-src": SELF,
        "style-src": SELF,
        # A shopper's photo is shown before it has a URL.
        "img-src": [SELF, "data:", "blob:", *LOGO_HOSTS],
        "connect-src": SELF,
        "object-src": NONE,
        "base-uri": NONE,
        "form-action": SELF,
        "manifest-src": SELF,
        "frame-ancestors": NONE,
    }
}
PERMISSIONS_POLICY = {
    "camera": "self",
    "geolocation": [],
    "microphone": [],
    "payment": [],
    "usb": [],
}

ROOT_URLCONF = "visualsearch.urls"
CSRF_FAILURE_VIEW = "catalog.api.errors.csrf_failure"
WSGI_APPLICATION = "visualsearch.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "search.context_processors.embedder",
                "search.context_processors.privacy",
            ],
        },
    },
]

# Everything that the running system stores is in one folder; the clone itself is not changed.
VAR_DIR = env.made_folder("VAR_DIR", "var") or BASE_DIR
DATABASE_URL = env.str("DATABASE_URL", f"sqlite:///{quote(str(VAR_DIR))}/db.sqlite3")
DATABASES = {"default": env.database("DATABASE_URL", DATABASE_URL) or {}}
if DATABASES["default"].get("ENGINE") == "django.db.backends.sqlite3":
    DATABASES["default"]["CONN_MAX_AGE"] = 60  # seconds; opening the file takes longer than a query
    # Several processes write to the file: readers never wait, and writers wait instead of failing.
    DATABASES["default"]["OPTIONS"] = {
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# Failed logins are limited; `visualsearch.logins` says by what.
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = ["visualsearch.logins.OneAtATime"]
AXES_HANDLER = "visualsearch.logins.LoginLimits"
AXES_USERNAME_CALLABLE = "visualsearch.logins.name_of"
AXES_LOCKOUT_PARAMETERS = ["ip_address"]  # the handler has limits of its own
AXES_FAILURE_LIMIT = 1
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "visualsearch.logins.address_of"
AXES_ENABLE_ADMIN = False
SILENCED_SYSTEM_CHECKS += ["axes.W002"]  # LoginMiddleware stands in for the middleware of axes
AXES_VERBOSE = False

# The catalog knows no pages of search, so a product's page is named here.
ABSOLUTE_URL_OVERRIDES = {
    "catalog.product": lambda product: reverse("product", args=(product.pk,)),
}

# A visitor's browser chooses the language; this one is for all others, and for what is stored.
LANGUAGES = [
    ("en", "English"),
    ("de", "Deutsch"),
    ("fr", "Français"),
    ("es", "Español"),
    ("ja", "日本語"),
    ("ar", "العربية"),
]
LANGUAGE_CODE = env.str(
    "LANGUAGE_CODE", "en", validate=validate.OneOf([code for code, _ in LANGUAGES])
)
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "visualsearch.formats"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

WHITENOISE_USE_FINDERS = True  # static files are served from their sources: no collectstatic
WHITENOISE_IMMUTABLE_FILE_TEST = r"/static/widget/[0-9]"  # a released version never changes
STATIC_URL = f"{URL_PREFIX}/static/"
STATIC_ROOT = env.folder("STATIC_ROOT", None)
STATIC_COPIES_DIR = VAR_DIR / "static"  # compressed
STATICFILES_DIRS = [BASE_DIR / "static", ("demo", BASE_DIR / "fixtures" / "queries")]
MEDIA_URL = f"{URL_PREFIX}/media/"
MEDIA_ROOT = env.folder("MEDIA_ROOT", VAR_DIR / "media")
MEDIA_STORAGE = env.str("MEDIA_STORAGE", "")
STORAGES = {
    "default": {
        "BACKEND": "catalog.pictures.s3.BucketStorage",
        "OPTIONS": {"bucket_name": MEDIA_STORAGE.removeprefix("s3://"), "file_overwrite": True},
    }
    if MEDIA_STORAGE
    else {
        "BACKEND": "catalog.pictures.storage.WholeFileStorage",
        "OPTIONS": {"allow_overwrite": True},  # a file's name is a digest of its contents
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

# Celery: without a broker, a task runs at once, in the process that queues it. The database is the
# queue and messages only speed it up, so the scheduled tasks below make up for any lost message.
CELERY_BROKER_URL = env.broker_url("CELERY_BROKER_URL", "memory://localhost")
CELERY_TASK_ALWAYS_EAGER = CELERY_BROKER_URL == "memory://localhost"
CELERY_TASK_IGNORE_RESULT = True
# The message of a killed worker is delivered again; `catalog.embedding` gives up on a picture that
# kills workers.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SOFT_TIME_LIMIT = 25
CELERY_TASK_TIME_LIMIT = 30  # seconds; enough for one or two hundred pictures
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker waits for its broker indefinitely
# Publishing waits half a second for the broker, once; by default kombu tries for six seconds.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "max_retries": 0,
    "socket_connect_timeout": 0.4,
    "socket_timeout": 0.5,
    "visibility_timeout": 2 * CELERY_TASK_TIME_LIMIT,
    "unacked_restore_interval": 2,  # seconds between two checks for a dead worker's messages
    "unacked_restore_throttle": 1,
}
REFETCH_RUN_SECONDS = 60  # each run asks its share of the addresses
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"  # keeps its state in memory, so it needs no file
# A task that has not started when the next one is due expires: none pile up behind a busy worker.
CELERY_BEAT_SCHEDULE = {
    task.rpartition(".")[2]: {"task": task, "schedule": seconds, "options": {"expires": seconds}}
    for task, seconds in {
        "catalog.tasks.embed_pending": 3,
        "catalog.tasks.fetch_pending": 3,
        "catalog.tasks.refetch_pending": REFETCH_RUN_SECONDS,
        "catalog.tasks.forget_imports": 3600,
        "catalog.feeds.tasks.sync_due": 60,
        "search.tasks.compact": 30,
        "search.tasks.examine_catalog": 60,
        "search.tasks.draw_map": 300,
        "search.tasks.forget_demand": 3600,
    }.items()
}

LOG_FORMAT = env.str("LOG_FORMAT", "plain", validate=validate.OneOf(["plain", "json"]))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
        "json": {"()": "visualsearch.logs.JSONLines"},
    },
    "filters": {"clients": {"()": "visualsearch.logs.ClientErrors"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "filters": ["clients"],
        }
    },
    "root": {"handlers": ["console"], "level": env.log_level("LOG_LEVEL", logging.INFO)},
    "loggers": {
        "tensorflow": {"level": "WARNING"},
        # Celery logs every task, which is noise where tasks run at once.
        "celery": {"level": "WARNING" if CELERY_TASK_ALWAYS_EAGER else "INFO"},
        "axes": {"level": "ERROR"},  # below, it names users and the addresses of clients
        # Both log the addresses that shoppers give.
        "requests_hardened": {"level": "ERROR"},
        "urllib3": {"level": "ERROR"},
        # As JSON each request has a line, so Django's own line about a refused one adds nothing.
        "visualsearch.observing": {"level": "INFO" if LOG_FORMAT == "json" else "WARNING"},
        "django.request": {"level": "ERROR" if LOG_FORMAT == "json" else "WARNING"},
    },
}

# Gives access to /metrics. Without one, only local, unproxied requests are answered.
METRICS_TOKEN = env.str("METRICS_TOKEN", "")

# gunicorn reads this by itself, and would meet a wrong number with a traceback.
env.int("WEB_CONCURRENCY", 1, validate=between(1, 1000))

# The number of our proxies that append to X-Forwarded-For; the rest of it can be forged.
NUM_PROXIES = env.int("NUM_PROXIES", 0, validate=between(0, 100))

# Four fields for each photo of a product in the admin: 250 photos may come from a file.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1200

REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "catalog.api.parsers.BoundedJSONParser",
        "catalog.api.parsers.BoundedFormParser",
        "catalog.api.parsers.UploadParser",
    ],
    # The token comes first, so that a refusal is a 401 that says how to authenticate.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"],
    "EXCEPTION_HANDLER": "catalog.api.errors.answer_to",
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "PAGE_SIZE": 24,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "COERCE_DECIMAL_TO_STRING": False,
    "NUM_PROXIES": NUM_PROXIES,
}
SPECTACULAR_SETTINGS = {
    "TITLE": SHOP_NAME,
    "DESCRIPTION": "Visual product search: a photo in, the products that look like it out.",
    "VERSION": VERSION,
    "SERVERS": [{"url": URL_PREFIX}] if URL_PREFIX else [],
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api",
    "PREPROCESSING_HOOKS": ["catalog.api.schema.under_api"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "catalog.api.schema.public",
        "visualsearch.api_docs.describe",
    ],
    "ENUM_NAME_OVERRIDES": {"AvailabilityEnum": "catalog.models.Availability"},
    "COMPONENT_SPLIT_REQUEST": True,  # a file is bytes in a request, an address in an answer
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# visualsearch
EMBEDDER_CHOSEN = bool(env.str("EMBEDDER", ""))  # otherwise `make run` may choose
EMBEDDER = env.str("EMBEDDER", "mobilenet_v2")
MODEL_DIR = env.folder("MODEL_DIR", VAR_DIR / "models")
MOBILENET_V2_WEIGHTS = env.folder("MOBILENET_V2_WEIGHTS", None)
FETCH_ALLOWED_HOSTS = env.names("FETCH_ALLOWED_HOSTS", "")
# In the form that servers expect of programs, which many of them refuse under another name.
FETCH_CONTACT = env.str("FETCH_CONTACT", "")
FETCH_USER_AGENT = env.str(
    "FETCH_USER_AGENT",
    f"Mozilla/5.0 (compatible; visualsearch/{VERSION}{FETCH_CONTACT and f'; +{FETCH_CONTACT}'})",
)
FETCH_HEADERS = env.headers("FETCH_HEADERS", "")
FEEDS_DIR = VAR_DIR / "feeds"
FEED_MAX_MB = env.float("FEED_MAX_MB", 1000, validate=between(1, 100_000))
FEED_MAX_MINUTES = env.float("FEED_MAX_MINUTES", 30, validate=between(1, 1440))
REFETCH_DAYS = env.float("REFETCH_DAYS", 30, validate=between(0, 3650))
DEFAULT_CURRENCY = env.str("DEFAULT_CURRENCY", "USD")
SEARCH_ENGINE = env.str("SEARCH_ENGINE", "numpy")
UNAVAILABLE_PRODUCTS = env.str(
    "UNAVAILABLE_PRODUCTS", "normal", validate=validate.OneOf(["normal", "last", "hidden"])
)
INDEX_DIR = VAR_DIR / "index"
INDEX_REFRESH_SECONDS = env.float("INDEX_REFRESH_SECONDS", 0.25, validate=between(0, 3600))
SEARCH_RATE = env.str("SEARCH_RATE", "600/min")
FETCH_RATE = env.str("FETCH_RATE", "60/min")
DEMAND_DAYS = env.int("DEMAND_DAYS", 0, validate=between(0, 3650))
# A Redis server for kept photos and counted searches, which are on disk without one.
CACHE_URL = env.redis_url("CACHE_URL", "")
COUNTERS_DIR = VAR_DIR / "counters"
PHOTOS_DIR = VAR_DIR / "photos"
KEPT_PHOTOS_MB = env.float("KEPT_PHOTOS_MB", 500, validate=between(5, 10**6))
KEPT_PHOTOS_CLIENT_MB = env.float("KEPT_PHOTOS_CLIENT_MB", 100, validate=between(1, 10**6))
DISK_RESERVE_MB = env.float("DISK_RESERVE_MB", 200, validate=between(0, 10**6))
MAX_BODY_MB = env.float("MAX_BODY_MB", 32, validate=between(1, 10_000))
# The lowest limits let a stored picture pass the gate again. Above the highest one, Pillow takes a
# picture for a decompression bomb.
MAX_IMAGE_MB = env.float("MAX_IMAGE_MB", 10, validate=between(5, 100))
MAX_IMAGE_MEGAPIXELS = env.float("MAX_IMAGE_MEGAPIXELS", 50, validate=between(2, 89))
HEIF = env.bool("HEIF", find_spec("pillow_heif") is not None)

DOTENV_WARNINGS = env.unknown()  # `catalog.checks` reports them
env.seal()  # nothing that can't be used gets past here
