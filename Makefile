# `make run` and `make test` do everything from a fresh clone; the rest are their parts.

PORT ?= 8000
PYTHON ?= $(or $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& echo $$p && break; done),false)
BIN := .venv/bin
MANAGE := $(BIN)/python manage.py
# The tests of a file share servers and databases, so a file stays in one process.
TESTS := $(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

.PHONY: run test test-postgres network lint format messages bench load screenshots

run: .venv/run
	@$(MANAGE) prepare --port "$(PORT)"
	@$(MANAGE) load_demo
	@echo "visualsearch is on http://127.0.0.1:$(PORT)$$($(BIN)/python -c \
		'from visualsearch.settings import URL_PREFIX; print(URL_PREFIX)') - Ctrl-C stops it"
	@MALLOC_MMAP_THRESHOLD_=1048576 exec $(BIN)/gunicorn --config python:visualsearch.gunicorn \
		--bind 127.0.0.1:$(PORT) --log-level warning

# Threads of NumPy would only take the cores from the other processes.
test test-postgres: export OPENBLAS_NUM_THREADS = 1
# Where bytecode is not kept, hundreds of processes would each compile the project again.
test test-postgres: export PYTHONDONTWRITEBYTECODE =

test: .venv/test
	@$(MAKE) --no-print-directory --jobs=2 --output-sync lint network
	@$(TESTS)

# PostgreSQL only runs tests that use a database, without these, which use it just as others do.
ONCE := browser catalog/pictures/test_slots.py search/calibration search/doctor/test_precision.py \
	search/evaluation/test_report.py search/queries/test_slots.py search/tuning/test_tune_search.py \
	test_demo_search.py test_origins.py test_policy.py test_roles.py test_schema.py \
	test_serving.py test_translatable.py test_translatable_admin.py \
	$(addprefix server/test_, branding.py examples.py full_disk.py imports.py logins.py logs.py memory.py \
		metrics.py nginx.py prefix.py uploads.py)

test-postgres: .venv/test network
	@$(BIN)/python tests/postgres.py $(TESTS) $(addprefix --ignore=tests/,$(ONCE))

network: .venv/test
	@$(MANAGE) download_model --embedder efficientnet_lite0

lint: .venv/test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(MANAGE) makemigrations --check --dry-run

format: .venv/test
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# Collects the texts to translate in locale/, and compiles their translations (needs gettext).
messages: .venv/test
	@$(MANAGE) makemessages --verbosity 0 --add-location file --no-wrap \
		$(addprefix --ignore=,.venv var tests docs benchmarks fixtures) $(addprefix -l ,de fr es ja ar)
	@$(MANAGE) compilemessages --verbosity 0 --ignore .venv

bench: .venv/test network
	@$(BIN)/python benchmarks/request_costs.py
	@EMBEDDER=efficientnet_lite0 $(BIN)/python benchmarks/pipeline.py
	@$(BIN)/python benchmarks/imports.py
	@$(BIN)/python tests/postgres.py $(BIN)/python benchmarks/imports.py
	@$(BIN)/python benchmarks/embedding.py
	@$(BIN)/python benchmarks/ranking.py $(PHOTOS)
	@$(BIN)/python benchmarks/collapsed.py $(PHOTOS)
	@$(BIN)/python benchmarks/serving.py $(PHOTOS)
	@$(BIN)/python benchmarks/pages.py
	@$(BIN)/python benchmarks/hostile.py 20 1
	@$(BIN)/python benchmarks/hostile.py 20 2
	@$(BIN)/python tests/postgres.py $(BIN)/python benchmarks/engines.py $(PHOTOS)

load: .venv/test network
	@$(BIN)/python benchmarks/load.py

screenshots: .venv/test
	@$(BIN)/python docs/screenshots.py

.venv/bin/python:
	@$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))" \
		|| { echo "Python 3.11, 3.12 or 3.13 is needed (PYTHON=... names one)."; exit 1; }
	@echo "Making a virtual environment with $(PYTHON)"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "On Debian: apt install python3-venv"; exit 1; }

.venv/run: .venv/bin/python requirements.txt
	@echo "Installing packages (some 400 MB the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/test: .venv/run requirements-dev.txt
	@echo "Installing the development packages"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
