"""The frame of a page to print: nothing in it is loaded from elsewhere or can be followed."""

_STYLE = (
    "body{font:11pt/1.5 serif;max-width:48em;margin:2em auto;padding:0 1em;color:#111}"
    "h1{font-size:1.4em}h2{font-size:1.15em;border-top:1px solid #999;padding-top:.6em}"
    "h3{font-size:1em;margin-bottom:.2em}.result{font-weight:bold;border:2px solid;padding:.5em}"
    "li,p,td:nth-child(2){overflow-wrap:anywhere}ol,ul{padding-left:1.6em}"
    "td{vertical-align:top;padding-right:1em;white-space:pre-wrap}table{font-size:.9em}li,tr{break-inside:avoid}"
    ".written{white-space:pre-wrap;border-left:3px solid #999;padding-left:.6em}"
    "th{text-align:left;padding-right:1em}.figures{display:block;overflow-x:auto}"
    "@media(max-width:38em){table:not(.figures) td{display:block;overflow-wrap:anywhere}"
    "table:not(.figures) tr{display:block;margin-bottom:.6em}"
    "table:not(.figures) td:first-child{font-weight:bold}}"
    "@media print{body{margin:0;max-width:none}h2,h3{break-after:avoid}.figures{display:table}}"
)


def frame(title: str, body: str, language: str, label: str = "") -> str:
    """One page; ``label`` is repeated on each sheet of paper, and has letters and signs of a code
    only."""
    corner = f'@page{{@top-right{{content:"{label}"}}@bottom-right{{content:"{label}"}}}}'
    style = f"{_STYLE}{corner}" if label else _STYLE
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src '
        f"'unsafe-inline'\"><title>{title}</title><style>{style}</style></head>\n"
        f"<body><main><h1>{title}</h1>\n{body}</main></body></html>\n"
    )
