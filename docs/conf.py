"""Settings of the documentation; `make docs` builds it, with warnings as errors."""

import importlib.metadata
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "rankproof"
author = "The rankproof developers"
release = importlib.metadata.version("rankproof")

extensions = ["myst_parser", "sphinx.ext.autodoc", "public_names"]
myst_heading_anchors = 3

# Docstrings are plain prose: names in single backticks, no other markup (see public_names).
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
maximum_signature_line_length = 100
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = "rankproof"
html_copy_source = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "native"
html_show_copyright = False
# Quotes and dashes stay as typed: "--alpha" is an option.
smartquotes = False
