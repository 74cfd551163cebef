"""All settings, from the environment, with defaults that run: the sandbox on SQLite with nothing to configure."""

from __future__ import annotations

from pathlib import Path

from django.utils.translation import gettext_lazy as _
from kombu import Queue

from portal.env import database, env_bool, env_choice, env_int, env_list, env_str
from portal.logs.lines import FORMATS, logging_config
from portal.secrets_file import kept_secret

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(env_str("VAR_DIR", str(BASE_DIR / "var"))).resolve()
VAR_DIR.mkdir(parents=True, exist_ok=True)

# --- What kind of installation this is -----------------------------------------------------------
PORTAL_ENV = env_choice("PORTAL_ENV", "sandbox", ("sandbox", "production"))
SANDBOX = PORTAL_ENV == "sandbox"
DEBUG = env_bool("DEBUG", False)
PORTAL_NAME = env_str("PORTAL_NAME", "Chancery")
PORTAL_URL = env_str("PORTAL_URL", "http://localhost:8000").rstrip("/")
PORTAL_ACCENT = env_str("PORTAL_ACCENT", "#0b6bcb")
SUPPORT_EMAIL = env_str("SUPPORT_EMAIL", "support@portal.example")
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]" if SANDBOX else "")
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS", PORTAL_URL)
# How many proxies of ours stand in front and append to X-Forwarded-For; 0 means: believe only the socket.
TRUSTED_PROXIES = env_int("TRUSTED_PROXIES", 0)

# --- Secrets: made once and kept in VAR_DIR in the sandbox, demanded in production ----------------
SECRET_KEY = env_str("SECRET_KEY") or kept_secret(VAR_DIR, "secret_key", allowed=SANDBOX)
SECRET_KEY_FALLBACKS = env_list("SECRET_KEY_FALLBACKS")
KEY_ENCRYPTION_KEYS = env_str("KEY_ENCRYPTION_KEYS") or kept_secret(
    VAR_DIR, "key_encryption_keys", allowed=SANDBOX, kind="key_ring"
)

# --- Applications -----------------------------------------------------------------------------------
INSTALLED_APPS = [
    "portal.admin_config.StaffAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "csp",
    "audit",
    "accounts",
    "orders",
    "validation",
    "certificates",
    "portal",
]

MIDDLEWARE = [
    "portal.logs.requests.RequestLog",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.StaffNeedSecondFactor",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "portal.folding.Loader",
                    [
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.context.portal",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# --- Data -------------------------------------------------------------------------------------------
DATABASE_URL = env_str("DATABASE_URL", f"sqlite:///{VAR_DIR / 'portal.sqlite3'}")
DATABASES = {"default": database(DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = env_str("REDIS_URL")
if REDIS_URL:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "OPTIONS": {"socket_connect_timeout": 2, "socket_timeout": 5},
        }
    }
else:
    # Rate limits must hold across the web processes, which a per-process cache would not do.
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
            "LOCATION": str(VAR_DIR / "cache"),
        }
    }

# --- Celery: a doorbell, never the truth --------------------------------------------------------------
CELERY_BROKER_URL = env_str("CELERY_BROKER_URL", REDIS_URL or "filesystem://")
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = {}
if CELERY_BROKER_URL.startswith("filesystem"):
    _BROKER_DIR = VAR_DIR / "broker"
    for _sub in ("queue", "control", "done"):
        (_BROKER_DIR / _sub).mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_BROKER_DIR / "queue"),
        "data_folder_out": str(_BROKER_DIR / "queue"),
        "control_folder": str(_BROKER_DIR / "control"),
        "processed_folder": str(_BROKER_DIR / "done"),
        "store_processed": False,
        "polling_interval": 0.2,
    }
# A ring that gets lost costs a sweep: keeping account of which one is being heard took half of what hearing it costs.
CELERY_TASK_QUEUES = [Queue("celery", no_ack=True)]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_STORE_ERRORS_EVEN_IF_IGNORED = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 300
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# The work is done by the sweepers of the worker's own process, which a message only wakes. With child processes, each
# of them would sweep too: all reaching for the same rows, and five times the memory. More cores: more workers.
CELERY_WORKER_POOL = env_choice("CELERY_WORKER_POOL", "threads", ("threads", "prefork"))
CELERY_WORKER_CONCURRENCY = env_int("CELERY_WORKER_CONCURRENCY", 4)
SWEEP_SECONDS = env_int("SWEEP_SECONDS", 1 if SANDBOX else 5)
SWEEPER_THREADS = env_int("SWEEPER_THREADS", 4)
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "portal.tasks.sweep", "schedule": 5.0, "options": {"expires": 5}},
    "daily": {"task": "portal.tasks.daily", "schedule": 3600.0, "options": {"expires": 3600}},
}
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")

# --- People -----------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "accounts.backends.ByName",
    "accounts.backends.ByEmail",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/certificates/"
LOGOUT_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = False
ACCOUNT_CONFIRM_EMAIL_ON_GET = False
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_PREVENT_ENUMERATION = True
# Tell people when their password, address or second factor was changed.
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {"signup": "accounts.forms.SignupForm"}
ACCOUNT_REAUTHENTICATION_TIMEOUT = env_int("REAUTHENTICATION_SECONDS", 900)
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if PORTAL_URL.startswith("https") else "http"
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "10/m/ip,5/5m/key",
    "signup": "20/m/ip",
    "reset_password": "20/m/ip,5/m/key",
    "reset_password_from_key": "20/m/ip",
    "reauthenticate": "10/m/user",
    "confirm_email": "1/10s/key",
    "change_password": "5/m/user",
    "manage_email": "10/m/user",
    # ours, counted by the same means
    "test_installation": "6/m/user",
    "foresee": "30/5m/user",
    "approvers": "30/5m/user",
    "order_draft": "30/5m/ip",
    "order_price": "120/m/ip",
    "payment_start": "12/5m/user",
    "payment_return": "60/m/user",
}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_PASSKEY_SIGNUP_ENABLED = False
MFA_TOTP_ISSUER = PORTAL_NAME
# One step of clock difference either way (RFC 6238 §5.2): digits typed at the last second still count.
MFA_TOTP_TOLERANCE = 1
# Browsers allow WebAuthn on http only for localhost, and the server must say so too.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = SANDBOX
STAFF_SECOND_FACTOR_REQUIRED = env_bool("STAFF_SECOND_FACTOR_REQUIRED", not SANDBOX)

# --- Mail -------------------------------------------------------------------------------------------
EMAIL_BACKEND = env_str("EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
EMAIL_HOST = env_str("EMAIL_HOST", "127.0.0.1")
EMAIL_PORT = env_int("EMAIL_PORT", 8025)
EMAIL_HOST_USER = env_str("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env_str("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env_bool("EMAIL_USE_TLS", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env_str("DEFAULT_FROM_EMAIL", f"{PORTAL_NAME} <no-reply@portal.example>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# --- Money ------------------------------------------------------------------------------------------
CURRENCY = env_str("CURRENCY", "EUR").upper()
PAYMENT_GATEWAY = env_choice("PAYMENT_GATEWAY", "stripe", ("stripe",))
STRIPE_SECRET_KEY = env_str("STRIPE_SECRET_KEY", "sk_test_sandbox" if SANDBOX else "")
STRIPE_WEBHOOK_SECRETS = env_list("STRIPE_WEBHOOK_SECRET", "whsec_sandbox" if SANDBOX else "")
STRIPE_API_BASE = env_str("STRIPE_API_BASE", "http://127.0.0.1:8200" if SANDBOX else "https://api.stripe.com")
CHECKOUT_SESSION_MINUTES = env_int("CHECKOUT_SESSION_MINUTES", 60)
CHECKOUT_ORIGINS = env_list("CHECKOUT_ORIGINS", STRIPE_API_BASE if SANDBOX else "https://checkout.stripe.com")

# --- The CA and the customer's servers --------------------------------------------------------------
ACME_DIRECTORY_URL = env_str("ACME_DIRECTORY_URL", "https://127.0.0.1:14000/dir" if SANDBOX else "")
ACME_CA_BUNDLE = env_str("ACME_CA_BUNDLE", str(VAR_DIR / "sandbox/pebble/ca.pem") if SANDBOX else "")
# When an order is held up for so long at one CA, the product's next one is asked (certificates/issuance/choosing.py).
CA_OUTAGE_SECONDS = env_int("CA_OUTAGE_SECONDS", 300)
CA_LIMIT_WAIT_SECONDS = env_int("CA_LIMIT_WAIT_SECONDS", 900)
CA_LOOKING_SECONDS = env_int("CA_LOOKING_SECONDS", 1800)
VALIDATION_NAMESERVERS = env_list("VALIDATION_NAMESERVERS", "127.0.0.1:8053" if SANDBOX else "")
# Recursive resolvers that only tell which servers hold a zone; empty: the system's own.
VALIDATION_RESOLVERS = env_list("VALIDATION_RESOLVERS")
# Other people's resolvers that are asked as well: what they still remember is told, and waited for a little.
VALIDATION_PUBLIC_RESOLVERS = env_list("VALIDATION_PUBLIC_RESOLVERS")
# Other places that look at a name too, by URL, and the secret shared with them; with it this portal is one for others.
VANTAGE_POINTS = env_list("VANTAGE_POINTS")
VANTAGE_TOKEN = env_str("VANTAGE_TOKEN")
VALIDATION_ALLOWED_NETWORKS = env_list("VALIDATION_ALLOWED_NETWORKS", "127.0.0.0/8" if SANDBOX else "")
VALIDATION_HTTP_PORT = env_int("VALIDATION_HTTP_PORT", 5002 if SANDBOX else 80)
VALIDATION_RESERVED_NAMES = env_bool("VALIDATION_RESERVED_NAMES", SANDBOX)
INSTALLATION_TLS_PORT = env_int("INSTALLATION_TLS_PORT", 5001 if SANDBOX else 443)
# Where customers' web servers send CAs that ask for a challenge, where that is not PORTAL_URL.
CHALLENGE_REDIRECT_URL = env_str("CHALLENGE_REDIRECT_URL").rstrip("/")
# The operator's own zone for CNAMEs of customers; written by dynamic update (RFC 2136) with TSIG.
DELEGATION_ZONE = env_str("DELEGATION_ZONE").strip(".").lower()
DELEGATION_SERVER = env_str("DELEGATION_SERVER")
DELEGATION_TSIG_NAME = env_str("DELEGATION_TSIG_NAME")
DELEGATION_TSIG_SECRET = env_str("DELEGATION_TSIG_SECRET")
DELEGATION_TSIG_ALGORITHM = env_choice(
    "DELEGATION_TSIG_ALGORITHM", "hmac-sha256", ("hmac-sha256", "hmac-sha384", "hmac-sha512")
)
HOSTING_PANEL_URL = env_str("HOSTING_PANEL_URL", "http://127.0.0.1:8100" if SANDBOX else "")
MAILBOX_URL = env_str("MAILBOX_URL", "http://127.0.0.1:8300" if SANDBOX else "")

# --- Browsers: what a page may do --------------------------------------------------------------------
from csp.constants import NONE, SELF  # noqa: E402

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF, *CHECKOUT_ORIGINS],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "manifest-src": [SELF],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
HTTPS = PORTAL_URL.startswith("https://")
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]
SECURE_HSTS_SECONDS = 63072000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = env_bool("HSTS_INCLUDE_SUBDOMAINS", HTTPS)
SECURE_HSTS_PRELOAD = env_bool("HSTS_PRELOAD", HTTPS)
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_ENGINE = "accounts.sessions"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "__Host-sessionid" if HTTPS else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if HTTPS else "csrftoken"
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 14
DATA_UPLOAD_MAX_MEMORY_SIZE = 512 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000

# --- Words, time, files --------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
# Every time says that it is UTC, in the admin too.
FORMAT_MODULE_PATH = ["portal.formats"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT = Path(env_str("STATIC_ROOT", str(VAR_DIR / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG or env_bool("PLAIN_STATIC", False)
            else "whitenoise.storage.CompressedManifestStaticFilesStorage"
        )
    },
}
WHITENOISE_USE_FINDERS = DEBUG

LOG_LEVEL = env_choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
LOG_FORMAT = env_choice("LOG_FORMAT", "plain" if SANDBOX else "json", FORMATS)
LOGGING = logging_config(LOG_FORMAT, LOG_LEVEL)
# --- Figures for Prometheus ------------------------------------------------------------------------------
METRICS_TOKEN = env_str("METRICS_TOKEN")
METRICS_NETWORKS = env_list("METRICS_NETWORKS")
WORKER_METRICS_PORT = env_int("WORKER_METRICS_PORT", 0)
WORKER_METRICS_ADDRESS = env_str("WORKER_METRICS_ADDRESS", "127.0.0.1")
# prometheus_client reads it from the environment by itself; here it is made sure that the directory is there.
PROMETHEUS_MULTIPROC_DIR = env_str("PROMETHEUS_MULTIPROC_DIR")
if PROMETHEUS_MULTIPROC_DIR:
    Path(PROMETHEUS_MULTIPROC_DIR).mkdir(parents=True, exist_ok=True)
SILENCED_SYSTEM_CHECKS: list[str] = []
