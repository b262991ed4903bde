"""The golden models' training texts, and the texts that they are asked about. All written for this purpose.

A text is a list of parts, [string, repeat]: what it stands for is the strings, each as often as it says, one after the
other. So a text of megabytes stays one short line.
"""

# fmt: off
# The lists read as lists, not one word a line.

from __future__ import annotations

import random
import sys

SENTENCES = {
    "kitchen": [
        "Knead the dough, let it rest, and bake it until golden.",
        "Two cups of flour and a pinch of salt.",
        "Simmer the soup with garlic and thyme",
        "whisk eggs; fold in sugar (slowly!)",
    ],
    "harbour": [
        "The ferry leaves the harbour at 7:45 with forty sailors.",
        "Ropes, anchors and a lighthouse in the fog.",
        "Low tide: the fishing boats wait on the sand",
        "a captain's log from the northern sea",
    ],
    "workshop": [
        "Sand the oak board, then drill 12 holes and glue it.",
        "A hammer, a chisel & a very sharp saw.",
        "The lathe hums while the apprentice sweeps",
        "tighten every screw before you paint it",
    ],
}

WHITE_SPACE = [chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace()]

# Words that a wrong cut, a wrong lower case or a wrong table turns into other words.
HOSTILE = [
    "🙂", "👍🏽", "👩‍💻", "🇪🇺", "İ", "İstanbul", "ıI", "ΣΑΣ", "ΟΔΟΣ", "Σ", "ςσΣ", "ß", "ẞ", "STRASSE straße", "ﬁn", "ŉ", "ǅ",
    "e\u0301", "E\u0301té", "A\u030a", "a\u0308\u0323", "\u0301", "日本語", "漢字かな", "한국어", "हिन्दी", "नमस्ते", "ไทย", "עִבְרִית",
    "العربية", "\x00", "nul\x00nul", "\x01\x02", "\x7f", "\u200b", "a\u200db", "\u00ad", "\ufeff", "\ufffd", "\u212a", "\u212b",
    "ſ", "ſaſ", "²", "½", "٣٤", "१२", "Ⅷ", "_", "__x", "a_b", "’", "it’s", "don't", "…", "—", "ʰ", "Aʰ", "ªº", "\U0001d400",
    "\u1c89", "\ua7cb", "\U00010d50", "\U00031350", "\U0010ffff", "\ue000", "\ufdd0", "ꙮ", "ŒœÆæ", "ΐ", "Ǆ", "Ⓐ", "Ａｂ", "Ⴀ", "Ა",
]

SIGMAS = [
    "Σ", "ΣΣ", "ΑΣ", "ΣΑ", "ΑΣΑ", "ΑΣ.", "ΑΣ'Α", "ΑΣ'", "'ΑΣ", "ΑΣ\u0301", "Α\u0301Σ", "ΑΣ\u00adΑ", "ΑΣ\u200bΒ", ".Σ", "Σ.Σ",
    "ΑΣ ΑΣ", "1Σ", "ΑΣ1", "aΣ🙂", "🙂Σ", "ʰΣ", "AʰΣ", "AʰΣʰ", "AΣʰB", "İΣ", "ΑΣ·Α", "ΑΣ:Α", "ΑΣ_Α", "日Σ", "A日Σ", "ⒶΣ", "ªΣ",
    "A\u0345Σ", "\u0345Σ", "ΑΣ\u0345", "ΟΔΥΣΣΕΥΣ ΚΑΙ Ο ΣΚΥΛΟΣ", "Σς σΣ", "A\x00Σ", "AΣ\x00B", "A\u2019Σ", "AΣ\u2019B",
]


def training_set() -> tuple:
    """Texts and class names: every sentence, and every hostile word beside plain letters and beside its neighbour."""
    texts, names = [], []
    for name, sentences in SENTENCES.items():
        texts += sentences
        names += [name] * len(sentences)
    classes = list(SENTENCES)
    pairs = zip(HOSTILE, HOSTILE[1:] + HOSTILE[:1])
    for index, (word, neighbour) in enumerate(pairs):
        texts.append(f"{word} in{word}on {neighbour}")
        names.append(classes[index % 3])
    for index, space in enumerate(WHITE_SPACE):
        texts.append(f"in{space}on{space}{space}at")
        names.append(classes[index % 3])
    for index, word in enumerate(SIGMAS):
        texts.append(word)
        names.append(classes[index % 3])
    return texts, names


def long_texts() -> list:
    """Texts whose length or whose counts are the difficulty."""
    return [
        [["The ferry leaves the harbour, knead the dough. ", 1100]],
        [["x", 50_000]],
        [["in", 25_000]],
        [["日本語", 17_000]],
        [["ΑΣ", 20_000]],
        [["Σ", 30_000], ["Α", 1]],
        [["e\u0301", 20_000]],
        [["on ", 70_000]],
        [["the dough ", 66_000]],
        [["a", 65_535]],
        [["a", 65_536]],
        [["in\x85on", 5_000]],
        [["\u3000in", 20_000]],
        [[" ", 50_000]],
        [["\t", 50_000], ["in", 1], ["\n", 50_000]],
        [["🙂", 20_000]],
        [["\x00", 50_000]],
        [["İ", 30_000]],
        [["bake it ", 1], ["\u0301", 40_000], [" drill 12 holes", 1]],
        [["A", 1], ["'", 40_000], ["Σ", 1], ["'", 40_000], ["B", 1]],
    ]


def hard_texts() -> list:
    """What every uncleaned golden model is asked."""
    texts = ["", "  ", " \t\n", "".join(WHITE_SPACE), "a", "ab", "abc", "a b c", "in on at", "i", "I", "_", "__", "é", "e\u0301a"]
    texts += WHITE_SPACE
    texts += [f"in{space}on" for space in WHITE_SPACE]
    texts += [f"{space}in{space}{space}on {space}at{space}" for space in WHITE_SPACE]
    texts += [text for word in HOSTILE for text in (word, f"in{word}on", f"The {word * 3}, {word.upper()} dough")]
    texts += SIGMAS
    texts += [chr(code) for code in range(1, 32) if not chr(code).isspace()]
    for sentence in (sentence for sentences in SENTENCES.values() for sentence in sentences):
        texts += [sentence, sentence.upper(), sentence.swapcase().replace(" ", "  ")]
    texts += mixtures(60, HOSTILE + WHITE_SPACE + SIGMAS + ["in", "on", "the dough", "Ferry", "!", "-", "12"])
    return [[[text, 1]] for text in dict.fromkeys(texts)] + long_texts()


def mixtures(count: int, pieces: list) -> list:
    """Random runs of pieces, the same ones every time."""
    source = random.Random(1234)
    return ["".join(source.choice(pieces) for _ in range(source.randint(2, 24))) for _ in range(count)]


PROJECTS = [
    "Sign language reader A small convolutional network that reads finger spelling from a webcam.",
    "Headline summarizer Fine-tuning a transformer to write one-line summaries of long news articles.",
    "Feature shelf A registry that keeps training features, their owners and their versions in one place.",
    "Bridge inspector Segmenting cracks in concrete from drone images, with uncertainty maps.",
    "Recipe parser Named entity recognition for quantities, units and ingredients.",
    "Rollback button Continuous delivery of models with shadow traffic and one-click rollback.",
    "River level forecaster Predicting floods from rain gauges with temporal convolution.",
    "Friend of a friend Link prediction in social networks with graph attention.",
    "Learning to park A reinforcement learning agent parks a toy car in simulation.",
    "Old letters Handwriting recognition for letters from the 19th century.",
    "Ask the handbook Question answering over company documents with dense retrieval.",
    "Tiny detector Object detection that runs on a phone: quantization, pruning and distillation.",
    "Tweet mood Sentiment analysis of short messages with word embeddings and an LSTM.",
    "Drift watch Monitoring of data drift and model quality in production.",
    "Deblur Removing motion blur from photographs with generative adversarial networks.",
    "Speech notes Transcribing lectures and marking the key phrases.",
    "Experiment diary Tracking hyperparameters, metrics & artifacts; comparing runs.",
    "Style mixer Neural style transfer for video, frame by frame.",
    "Low-resource translator Machine translation for languages with few parallel texts.",
    "Depth from one eye Monocular depth estimation with self-supervision.",
    "Transfer learning with BERT for text classification, step by step",
    "GAN",
    "How to deploy a model with Docker, Kubernetes and a feature store (tutorial)",
    "Attention is what you're looking for: a visual guide to self-attention, isn't it?",
    "You don't need labels: contrastive learning of visual representations",
]

NEAR_STOP_WORDS = [
    "the", "The", "THE", "the the the", "thethe", "the.the", "the_the", "_the", "the_", "the1", "1the", "²the", "the½", "the\u0301",
    "\u0301the", "a\u0308", "the\u200dmodel", "the\u00admodel", "the\u00a0cnn", "the\u2028cnn", "the\x85cnn", "the\x1fcnn", "the\x00cnn",
    "the\u3000\u3000cnn", "the\u200bcnn", "the\ufeffcnn", "thе", "ſhe", "ſ", "hiſ", "\u212a", "I\u212a", "İ", "İn", "İs it", "ıt",
    "I", "i.", "İ İ", "a", "A.I.", "i'm", "I'M", "I’m", "don't", "Don't", "DON'T", "don’t", "don't've", "don'tx", "xdon't", "don''t",
    "don 't", "don' t", "'don't'", "you're", "you’re", "youre", "you'd've", "you'll", "should've", "should've've", "that'll", "it's",
    "its", "it's's", "it'sn't", "isn't", "isn't isn't", "isnt", "ain't", "ain'", "wouldn't", "wouldn't've", "wouldn", "mightn't",
    "won't", "won", "wonder", "s", "t", "s t", "'s", "'t", "s'", "o'clock", "ma'am", "y'all", "d'or", "re-use", "ve", "m&m", "ll.",
    "over and over", "and/or", "not", "nothing", "no.", "same same", "herself her", "her-self", "ours", "our_s", "wordthe", "theword",
    "日本the語", "日本 the 語", "theहि", "हिthe", "the한", "the،and", "the…and", "the—and", "🙂the🙂", "thе the", "ΣΑΣ the ΣΑΣ",
    "THEΣ", "ΣTHE", "ΑΣ'S", "the\tof\nand\rto", "the  of   and", " the ", "the\x1c\x1d\x1e\x1fof", "of\u2029the", "of\u180ethe",
]

LINKS = [
    "http", "https", "http s", "http://a", "https://example.org/a/b?c=d#e", "see http://example.org, and https://example.com.",
    "HTTP://EXAMPLE.ORG CNN", "xhttp", "xhttpy", "xhttp y", "cnn https", "https cnn", "https cnn https bert", "http2 http3", "httphttp",
    "http http", "ahttpbhttpc", "ht tp", "ht-tp", "hthettp", "http\u0301x", "httpſ", "www.example.org", "ftp://example.org", "http the cnn",
    "httpthe cnn", "http_x", "http the", "thehttp", "http😀x", "http\u00a0x", "cnn http", "cnn httpd ", "https\u3000cnn",
]

PUNCTUATION = [
    "!\"'#$%&()*+,-./:;<=>?@\\[]^_`{|}~", "c++", "c#", ".net", "node.js", "a+b=c", "state-of-the-art", "[cnn](bert)", "`code`", "100%",
    "3.14", "v1.2.3", "@user #tag", "a\\b", "{x|y}", "~/path", "e-mail: a.b@c.d", "(((cnn)))", "\"bert\"", "‘bert’", "“cnn”", "¿qué?",
    "cnn…", "naïve", "cafe\u0301", "résumé", "Straße", "ﬁne-tuning", "ﬀ", "x²", "½", "№", "٣", "Ｂｅｒｔ", "bert\u200bcnn", "\ufeffbert",
]


def tagifai_texts() -> list:
    """What the shipped model is asked: project descriptions, and everything that its cleaner could get wrong."""
    texts = ["", " ", "a", "z", "0", "  \t ", "".join(WHITE_SPACE)]
    texts += PROJECTS + [text.upper() for text in PROJECTS[:5]]
    texts += NEAR_STOP_WORDS + [f"cnn {text} bert" for text in NEAR_STOP_WORDS] + LINKS + PUNCTUATION
    texts += [f"cnn{space}the{space}{space}bert" for space in WHITE_SPACE]
    texts += [f"image {word} text{word}mining" for word in HOSTILE]
    texts += SIGMAS[:12]
    texts += mixtures(60, NEAR_STOP_WORDS + LINKS + PUNCTUATION + WHITE_SPACE + HOSTILE + ["cnn", "bert", " ", " ", "deploy"])
    long = [
        [["Segmenting cracks in concrete; don't stop. ", 1200]],
        [["x", 50_000]],
        [["cnn ", 70_000]],
        [["the ", 20_000]],
        [["the", 20_000]],
        [["don't", 10_000]],
        [["http", 12_000]],
        [["http ", 12_000], ["bert", 1]],
        [["'", 50_000], ["bert", 1]],
        [[" ", 50_000], ["the", 1], ["\u3000", 50_000], ["bert", 1]],
        [["ΑΣ", 10_000], [" cnn", 1]],
        [["İ ", 10_000], ["cnn", 1]],
        [["日本語", 15_000], [" image", 1]],
        [["word embeddings and an LSTM ", 1], ["\u0301", 20_000]],
    ]
    return [[[text, 1]] for text in dict.fromkeys(texts)] + long


def spelled_out(parts: list) -> str:
    """The text that the parts stand for."""
    return "".join(string * repeat for string, repeat in parts)
