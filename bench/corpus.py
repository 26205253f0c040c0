#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds large text corpora from named Debian 12 packages.

    python3 bench/corpus.py --cache DIR --out DIR [english ...]

Each package is fetched with `apt-get download` and unpacked with `dpkg-deb -x` under --cache; nothing is installed.
Each corpus becomes <name>-train.txt and <name>-heldout.txt (documents in UTF-8, parted by one NUL byte) and
<name>.json (packages with versions, bytes, sha256 of both files). The order is fixed, so that the same package
versions give the same bytes. A document goes to the held-out file when sha256("package/path") modulo 50 is 0; a
paragraph that occurs there is dropped from training, and so is every second copy of a paragraph.

To add a corpus: add an entry to CORPORA, and a reader to READERS where a new kind of file comes in.
"""
import argparse
import gzip
import hashlib
import html.parser
import json
import multiprocessing
import pathlib
import re
import struct
import subprocess
import sys
import zlib

HELD_OUT_IN = 50
JUNK = r"genindex|modindex|/search|/_modules/|/_sources/|/_static/|copyright|licen[cs]e|/src/|print\.html|/bugs?/|index-all"


def source(licence, reader="html", include=r"\.html?$", exclude="(?!)"):
    return {"licence": licence, "reader": reader, "include": include, "exclude": exclude}


ENGLISH = {
    "apache2-doc": source("Apache-2.0", include=r"/manual/en/.*\.html$|\.html\.en$", exclude=r"/(da|de|es|fr|ja|ko|pt-br|ru|tr|zh-cn)/"),
    "cinder-doc": source("Apache-2.0"),
    "clang-14-doc": source("Apache-2.0 WITH LLVM-exception"),
    "dict-devil": source("public domain", "text", r"devil\.dict\.dz$"),
    "dpdk-doc": source("BSD-3-Clause", exclude=r"/api/|/html/(struct|group|rte__|globals|functions)"),
    "erlang-doc": source("Apache-2.0"),
    "ghc-doc": source("BSD-3-Clause", exclude=r"/doc-index"),
    "glance-doc": source("Apache-2.0"),
    "heat-doc": source("Apache-2.0"),
    "ironic-doc": source("Apache-2.0"),
    "jargon-text": source("public domain", "text", r"jargon\.txt\.gz$"),
    "keystone-doc": source("Apache-2.0"),
    "krb5-doc": source("MIT"),
    "libboost1.74-doc": source("BSL-1.0"),
    "libssl-doc": source("Apache-2.0", "man", r"/man[0-9]/.*\.gz$"),
    "llvm-14-doc": source("Apache-2.0 WITH LLVM-exception"),
    "manila-doc": source("Apache-2.0"),
    "neutron-doc": source("Apache-2.0"),
    "nodejs-doc": source("MIT", exclude=r"/all\.html"),
    "nova-doc": source("Apache-2.0"),
    "ntpsec-doc": source("NTP, BSD-2-Clause"),
    "octavia-doc": source("Apache-2.0"),
    "openvswitch-doc": source("Apache-2.0"),
    "postgresql-doc-15": source("PostgreSQL"),
    "pypy3-doc": source("MIT"),
    "python-click-doc": source("BSD-3-Clause"),
    "python-cryptography-doc": source("Apache-2.0 or BSD-3-Clause"),
    "python-dask-doc": source("BSD-3-Clause"),
    "python-django-doc": source("BSD-3-Clause"),
    "python-astropy-doc": source("BSD-3-Clause"),
    "python-scipy-doc": source("BSD-3-Clause"),
    "python-scrapy-doc": source("BSD-3-Clause"),
    "python-skimage-doc": source("BSD-3-Clause"),
    "python-sklearn-doc": source("BSD-3-Clause"),
    "python-sqlalchemy-doc": source("MIT"),
    "python-statsmodels-doc": source("BSD-3-Clause", exclude=r"/generated/"),
    "python-xarray-doc": source("Apache-2.0"),
    "python3.11-doc": source("PSF-2.0"),
    "rust-doc": source("MIT or Apache-2.0", exclude=r"/html/(core|alloc|proc_macro|test|implementors|src)/|/core_arch/|/std/arch/"),
    "sphinx-doc": source("BSD-2-Clause"),
    "sqlite3-doc": source("public domain"),
    "swift-doc": source("Apache-2.0"),
    "sword-comm-mhcc": source("public domain", "sword", r"\.[bc]z[zZ]$"),
    "sword-comm-scofield": source("public domain", "sword", r"\.[bc]z[zZ]$"),
    "sword-comm-tdavid": source("public domain", "sword", r"\.[bc]z[zZ]$"),
    "sword-text-web": source("public domain", "sword", r"\.[bc]z[zZ]$"),
    "tcl8.6-doc": source("TCL", "man", r"/man[0-9]/.*\.gz$"),
    "tk8.6-doc": source("TCL", "man", r"/man[0-9]/.*\.gz$"),
    "tomcat10-docs": source("Apache-2.0"),
    "twisted-doc": source("MIT"),
}
CORPORA = {"english": {"packages": ENGLISH, "prose": True}}

# ---- readers: bytes of one file -> [(suffix, [paragraph])]; a paragraph that begins with '#' is a heading ----

BLOCKS = set("p li dd dt h1 h2 h3 h4 h5 h6 blockquote div section article main body br hr ul ol dl tr td th caption figure".split())
HEADINGS = set("h1 h2 h3 h4 h5 h6".split())
VOID = set("area base br col embed hr img input link meta param source track wbr".split())
SKIP_TAGS = set("script style nav header footer aside form table pre head svg button select math sup noscript textarea".split())
SKIP_CLASS = re.compile(
    r"(?<![\w-])(sphinxsidebar\w*|sidebar\w*|related|nav\w*|menu|toc\w*|contents|headerlink|footer|breadcrumbs?|highlight\S*|sig|"
    r"programlisting|screen|synopsis|variablelist toc|up|preamble|apidocs|anchor|since|srclink|src|out-of-band|line-numbers|field-list|"
    r"spirit-nav|copyright\S*|admonition-title|code\S*|example-wrap|item-decl|method-toggle|caption-number|nomenu|toplang|path|apimenu|language)\b")


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.paragraphs, self.words, self.open, self.skipped, self.mark = [], [], [], 0, ""

    def flush(self):
        text = " ".join("".join(self.words).split())
        if text:
            self.paragraphs.append(self.mark + text)
        self.words, self.mark = [], ""

    def handle_starttag(self, tag, attributes):
        if tag in BLOCKS and not self.skipped:
            self.flush()
            self.mark = "# " if tag in HEADINGS else "* " if tag == "li" else self.mark if tag == "p" else ""
        if tag in VOID:
            return
        named = dict(attributes)
        skip = tag in SKIP_TAGS or named.get("role") in ("navigation", "search") or (
            tag not in ("html", "body") and bool(SKIP_CLASS.search(named.get("class") or "")))
        self.open.append((tag, skip))
        self.skipped += skip

    def handle_endtag(self, tag):
        if all(name != tag for name, _ in self.open):
            return
        if tag in BLOCKS and not self.skipped:
            self.flush()
        while self.open:
            name, skip = self.open.pop()
            self.skipped -= skip
            if name == tag:
                break

    def handle_data(self, data):
        if not self.skipped:
            self.words.append(data)


def read_html(data):
    page = Page()
    page.feed(data.decode("utf-8", "replace"))
    page.close()
    page.flush()
    return [("", page.paragraphs)]


def read_text(data):
    """Plain text in paragraphs; a run of 200 of them is one document."""
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    parts = [" ".join(part.split()) for part in re.split(r"\n\s*\n", data.decode("utf-8", "replace"))]
    parts = [re.sub(r"[{}_]", "", part) for part in parts if part]
    return [(f"#{i // 200}", parts[i:i + 200]) for i in range(0, len(parts), 200)]


def read_man(data):
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    paragraphs, words, example = [], [], False

    def flush(mark=""):
        if words:
            paragraphs.append(mark + " ".join(" ".join(words).split()))
        words.clear()

    for line in data.decode("utf-8", "replace").split(".SH", 1)[-1].splitlines():
        line = re.sub(r"\\f\([A-Z]{2}|\\f.|\\s[+-]?\d|\\&|\\\||\\/|\\,|\\:|\\%|\\c$", "", line)
        line = re.sub(r"\\\*\(L\"|\\\*\(R\"|\\\(lq|\\\(rq|\\\(dq", '"', line)
        line = re.sub(r"\\\*\(C'|\\\*\(Aq|\\\(aq|\\\(cq|\\\(oq", "'", line)
        line = line.replace("\\-", "-").replace("\\e", "\\").replace("\\ ", " ").replace("\\(em", "--").replace("\\(bu", "*")
        line = re.sub(r"\\\*\(..|\\\(..|\\\*.", "", line)
        if line.startswith((".", "'")):
            name = line[1:3]
            if name in ("CS", "Vb", "nf", "EX"):
                example = True
            if name in ("CE", "Ve", "fi", "EE"):
                example = False
            if name in ("SH", "SS"):
                flush()
                words.append(line[3:].strip().strip('"'))
                flush("# ")
            elif name in ("PP", "IP", "TP", "LP", "P", "RS", "RE", "Sp", "It"):
                flush()
            elif name in ("B ", "I ", "BR", "BI", "IR"):
                words.append(line[3:].replace('"', ""))
        elif not line.strip():
            flush()
        elif not example and not line.startswith(" "):
            words.append(line)
    flush()
    return [("", paragraphs)]


def read_sword(data, index):
    """A SWORD module: zlib blocks (a chapter or a book each) that an index of offset, size, length describes."""
    documents = []
    for number in range(len(index) // 12):
        offset, size, _ = struct.unpack_from("<III", index, number * 12)
        if not size:
            continue
        text = zlib.decompress(data[offset:offset + size]).decode("utf-8", "replace")
        text = re.sub(r"(?is)<note\b.*?</note>", "", text)
        text = re.sub(r"(?i)<(/?p\b|br|lb|/?div|/?title|/?lg|/?list|/?item|milestone)[^>]*>|\\par\b|\n\s*\n|\x00", "\0", text)
        text = re.sub(r"<[^>]*>", "", text)
        for name, sign in (("&quot;", '"'), ("&apos;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
            text = text.replace(name, sign)
        documents.append((f"#{number}", [" ".join(part.split()) for part in text.split("\0") if part.strip()]))
    return documents


READERS = {"html": read_html, "text": read_text, "man": read_man}

# ---- cleaning ----

FOLD = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "--", "\u2026": "...",
                      "\u00a0": " ", "\u00ad": None, "\u00b6": None, "\u200b": None, "\ufeff": None, "\u2212": "-", "\u2011": "-",
                      "\u2022": "*", "\u2010": "-", "\uf0c1": None, "\0": None})
COMMON = set("the of and to a in is that for it as be with by are this not on or which an if from at can but will you was his he they have has "
             "when all their one there we so i shall who them any your no may when been these such then must into only use used should".split())


def prose(paragraph):
    """Whether a paragraph reads as English: letters for the most part, and enough of the commonest words."""
    letters = sum(c.isalpha() and c.isascii() for c in paragraph)
    if "\\(" in paragraph:  # a formula
        return False
    if letters < 0.85 * len(paragraph.replace(" ", "")) or len(paragraph) < 40:
        return False
    words = re.findall(r"[A-Za-z']+", paragraph.lower())
    return len(words) >= 8 and sum(word in COMMON for word in words) >= 0.22 * len(words)


def clean(paragraphs, keep_all):
    kept, heading = [], None
    for paragraph in paragraphs:
        paragraph = " ".join(paragraph.translate(FOLD).split())
        if paragraph.startswith("# "):
            heading = paragraph[2:]
            continue
        if keep_all or prose(paragraph):
            if heading and len(heading) < 100:
                kept.append(("h", heading))
            heading = None
            kept.append(("p", paragraph))
    return kept


def read_one(job):
    path, reader, keep_all = job
    data = pathlib.Path(path).read_bytes()
    if reader == "sword":
        documents = read_sword(data, pathlib.Path(path[:-1] + "s").read_bytes())
    else:
        documents = READERS[reader](data)
    return [(suffix, clean(paragraphs, keep_all)) for suffix, paragraphs in documents]


# ---- packages ----


def unpack(package, cache):
    """Fetches and unpacks a package once; gives its folder and its version."""
    folder = cache / "unpacked" / package
    found = sorted(cache.glob(f"{package}_*.deb"))
    if not found:
        subprocess.run(["apt-get", "download", "-q", package], cwd=cache, check=True, stdout=subprocess.DEVNULL)
        found = sorted(cache.glob(f"{package}_*.deb"))
    if not folder.exists():
        subprocess.run(["dpkg-deb", "-x", found[-1], folder], check=True)
    return folder, found[-1].name.split("_")[1].replace("%3a", ":")


def build(name, cache, out, processes):
    corpus = CORPORA[name]
    jobs, report = [], {"corpus": name, "packages": {}}
    for package in sorted(corpus["packages"]):
        entry = corpus["packages"][package]
        folder, version = unpack(package, cache)
        report["packages"][package] = {"version": version, "licence": entry["licence"], "train_bytes": 0, "heldout_bytes": 0}
        for path in sorted(folder.rglob("*")):
            relative = path.relative_to(folder).as_posix()
            if (re.search(entry["include"], relative) and not re.search(entry["exclude"], "/" + relative)
                    and not re.search(JUNK, "/" + relative) and path.is_file() and not path.is_symlink()
                    and path.stat().st_size < 16 << 20):
                jobs.append((package, relative, (str(path), entry["reader"], not corpus["prose"])))
    print(f"{name}: {len(jobs)} files", flush=True)
    with multiprocessing.Pool(processes) as pool:
        results = pool.map(read_one, [job[2] for job in jobs], chunksize=16)
    documents = []
    for (package, relative, _), parts in zip(jobs, results):
        for suffix, paragraphs in parts:
            key = f"{package}/{relative}{suffix}"
            held = int.from_bytes(hashlib.sha256(key.encode()).digest(), "big") % HELD_OUT_IN == 0
            documents.append((not held, key, package, paragraphs))
    documents.sort(key=lambda d: d[:2])
    seen, written = set(), {"train": [], "heldout": []}
    for train, key, package, paragraphs in documents:
        lines, heading = [], None
        for kind, text in paragraphs:
            if kind == "h":
                heading = text
                continue
            digest = hashlib.blake2b(re.sub(r"[^a-z]", "", text.lower()).encode(), digest_size=8).digest()
            if digest in seen:
                heading = None
                continue
            seen.add(digest)
            if heading:
                lines.append(heading)
                heading = None
            lines.append(text)
        body = "\n\n".join(lines).encode() + b"\n"
        if len(body) < 500:
            continue
        split = "train" if train else "heldout"
        written[split].append((hashlib.sha256(key.encode()).digest(), key, body))
        report["packages"][package][f"{split}_bytes"] += len(body)
    for split, bodies in written.items():
        bodies.sort()  # by hash: packages are mixed, the order is fixed
        data = b"\0".join(body for _, _, body in bodies)
        path = out / f"{name}-{split}.txt"
        path.write_bytes(data)
        (out / f"{name}-{split}.list").write_text("".join(f"{key}\t{len(body)}\n" for _, key, body in bodies))
        report[split] = {"documents": len(bodies), "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        print(f"{path.name}: {len(bodies)} documents, {len(data)} bytes, sha256 {report[split]['sha256']}", flush=True)
    (out / f"{name}.json").write_text(json.dumps(report, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", nargs="*", default=["english"], help=f"of {', '.join(CORPORA)}")
    parser.add_argument("--cache", type=pathlib.Path, required=True, help="folder for packages (about 3 GB)")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder for the corpora")
    parser.add_argument("--processes", type=int, default=multiprocessing.cpu_count())
    given = parser.parse_args()
    unknown = [name for name in given.corpora if name not in CORPORA]
    if unknown:
        sys.exit(f"no corpus is called {unknown[0]}; known: {', '.join(CORPORA)}")
    given.cache.mkdir(parents=True, exist_ok=True)
    given.out.mkdir(parents=True, exist_ok=True)
    for name in given.corpora:
        build(name, given.cache.resolve(), given.out, given.processes)


if __name__ == "__main__":
    main()
