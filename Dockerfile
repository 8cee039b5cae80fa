# syntax=docker/dockerfile:1
# Two images: `mover` runs next to a volume, `airflow` runs the runbooks.
#   docker build --target mover   -t REGISTRY/migration-ops-mover:0.1.0 .
#   docker build --target airflow -t REGISTRY/migration-ops-airflow:0.1.0 .

FROM python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b AS wheel
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY plugins plugins
COPY include/transform_rules include/transform_rules
RUN pip install --no-cache-dir hatchling==1.33.0 && pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels .

FROM python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b AS mover
COPY requirements.lock /tmp/requirements.lock
COPY --from=wheel /wheels /tmp/wheels
RUN pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements.lock \
 && pip install --no-cache-dir --no-deps /tmp/wheels/*.whl \
 && rm -rf /tmp/requirements.lock /tmp/wheels
# Root inside the container, with the few capabilities that its Job grants: files of any owner must be read and made.
ENTRYPOINT ["migration-ops"]

FROM apache/airflow:3.3.2-python3.11 AS airflow
COPY requirements-airflow.lock /tmp/requirements.lock
COPY --from=wheel /wheels /tmp/wheels
RUN pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements.lock \
 && pip install --no-cache-dir --no-deps /tmp/wheels/*.whl
COPY --chown=airflow:root dags /opt/airflow/dags
COPY --chown=airflow:root include /opt/airflow/include
