# One image for web, worker and beat; the command decides.
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
COPY requirements.txt /tmp/requirements.txt
RUN /opt/venv/bin/pip install --require-hashes -r /tmp/requirements.txt

FROM python:3.11-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 VAR_DIR=/var/lib/chancery
RUN useradd --system --uid 10001 --home-dir /var/lib/chancery --create-home chancery
COPY --from=build /opt/venv /opt/venv
WORKDIR /srv/chancery
COPY manage.py gunicorn.conf.py ./
COPY portal portal
COPY accounts accounts
COPY audit audit
COPY orders orders
COPY certificates certificates
COPY validation validation
COPY identifiers identifiers
COPY leases leases
COPY outbound outbound
COPY templates templates
COPY static static
# The manifest belongs into the image. The settings of this one command are those of a sandbox and end with it.
RUN VAR_DIR=/tmp/build python manage.py collectstatic --noinput --verbosity 0 \
    && mv /tmp/build/static /srv/chancery/collected \
    && rm -rf /tmp/build
ENV STATIC_ROOT=/srv/chancery/collected
USER chancery
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s \
    CMD ["python", "-m", "portal.healthcheck"]
CMD ["gunicorn", "portal.wsgi", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "4", "--timeout", "60", "--no-control-socket"]
