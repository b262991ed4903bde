"""The naive Bayes classifiers over counts: linear in the counts, two rows for two classes, no `decision_function`."""

from __future__ import annotations

import numpy as np
from sklearn.naive_bayes import BernoulliNB, ComplementNB

from .classifier import Classifier, check_tensors
from .errors import refusal
from .labels import read_classes


def read_naive_bayes(step: str, classifier: object, features: int) -> Classifier:
    """Read MultinomialNB, ComplementNB or BernoulliNB; decision values are the joint log likelihoods."""
    if not hasattr(classifier, "feature_log_prob_") or not hasattr(classifier, "classes_"):
        raise refusal(step, classifier, "is not fitted")
    classes = read_classes(step, classifier)
    coef, prior = classifier.feature_log_prob_, classifier.class_log_prior_
    presence = type(classifier) is BernoulliNB
    if presence:
        if classifier.binarize != 0:
            raise refusal(step, classifier, f"binarize={classifier.binarize!r} is not supported (0.0 is)")
        absent = np.log(1 - np.exp(coef))
        coef, intercept = coef - absent, prior + absent.sum(axis=1)
    elif type(classifier) is ComplementNB:
        intercept = np.zeros(len(classes))  # it looks at the prior of a lone class alone
    else:
        intercept = prior
    tensors = {"coef": np.ascontiguousarray(coef), "intercept": np.asarray(intercept)}
    check_tensors(step, classifier, tensors, {"coef": (len(classes), features), "intercept": (len(classes),)})
    manifest = {"kind": "linear", "rows": len(classes), "probability": None, "decision_function": False}
    return Classifier(manifest, classes, ["softmax"], tensors, classifier.predict_joint_log_proba, presence)
