"""Figures of the ChainzRule papers: arXiv 2605.24340, 2605.15463 and 2606.23942.

Accuracies are in percent. What a paper states in its abstract is taken as it is stated
there.
"""

# Of Pima, over its seeds; two published accuracies with the paper's p against each.
PIMA = {"mean": 85.71, "sd": 2.01, "n": 6, "n_test": 154}
PIMA_BASELINES = {"svm": (82.35, 0.0047), "xgb": (82.20, 0.0039)}
TAU, TAU_OTHERS = (1.01, 1.02), (1.07, 1.09)
# Of SST-5: a frozen encoder, p against RNTN (Socher et al. 2013), and its share of
# RNTN's training labels; BERT with a ChainzRule head and with a linear one.
SST5 = {"mean": 46.20, "sd": 0.37, "p": 0.0362, "share": 0.05, "n_test": 2210}
RNTN = 45.7
FINE_TUNED, FINE_TUNED_LINEAR = 55.79, 54.9
# Of Yelp Review Full, by ordinal regression.
YELP, YELP_RELU, YELP_PARAMETERS = 70.17, 58.98, 3.2e6
YELP_AVERAGE, YELP_BEST_LISTED, YELP_MODELS = 66.35, 64.72, 10
# Mean corruption accuracy on CIFAR-10-C, in points above the baseline.
CORRUPTION = 2.32
ALPHA = 0.05
# Of Bonferroni's corrections the mildest: two tests on a data set.
N_TESTS = 2
# Of MNIST: times fewer parameters, change of the peak gradient, pairs of networks.
FEWER_PARAMETERS, PEAK_CHANGE, N_PAIRS = 15.5, -0.231, 24
# Of the factorial study of DREG.
N_RUNS, DREG_P, STRENGTH = 960, 0.031, 10**-2.5
