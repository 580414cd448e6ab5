# The service in a container of its own: docs/service.md says how it is run.

FROM python:3.12-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY src ./src
RUN python -m venv /opt/ferda \
    && /opt/ferda/bin/pip install --constraint requirements.lock ".[serve]"

FROM python:3.12-slim-bookworm
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin ferda \
    && install --directory --owner ferda --group ferda --mode 700 /data
COPY --from=build /opt/ferda /opt/ferda
# all that is written goes to /data and /tmp, so the rest may be read-only
ENV PATH=/opt/ferda/bin:$PATH HOME=/tmp MPLCONFIGDIR=/tmp FERDA_CACHE=/tmp/ferda PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=90s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["ferda", "serve", "--host", "0.0.0.0", "--port", "8000", "--folder", "/data"]
CMD ["/model"]
