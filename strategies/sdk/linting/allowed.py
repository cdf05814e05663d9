"""Tables of the modules, functions and names that a strategy may and may not use.

An allowed name is listed with a reason. A refused name is listed with the problem and a replacement. Refused
is all that could make two replays differ: clock, chance, files, network, environment, threads, and state that
a snapshot does not contain.
"""

from strategies import sdk

ALLOWED_IMPORTS = {
    "strategies.sdk": "the whole system, as far as strategies may use it",
    "__future__": "changes how the file is read, nothing at run time",
    "abc": "declares, computes nothing",
    "bisect": "pure functions",
    "collections": "containers; their order is the order of insertion",
    "copy": "copies of plain values",
    "datetime": "dates and times (the wall clock and the local time zone are refused below)",
    "dataclasses": "declares value types",
    "decimal": "exact arithmetic (its shared context is refused below)",
    "enum": "declares choices",
    "fractions": "exact arithmetic",
    "functools": "pure, its caches excepted",
    "heapq": "pure functions",
    "itertools": "pure iteration",
    "math": "pure functions",
    "msgspec": "declares value types and converts them",
    "numbers": "declares, computes nothing",
    "numpy": "arithmetic on arrays (its random numbers, files and global settings are refused below)",
    "operator": "pure functions",
    "pandas": "tables (its files and global settings are refused below)",
    "re": "pure functions of text",
    **dict.fromkeys(
        (
            "scipy.cluster",
            "scipy.fft",
            "scipy.integrate",
            "scipy.interpolate",
            "scipy.linalg",
            "scipy.ndimage",
            "scipy.optimize",
            "scipy.signal",
            "scipy.sparse",
            "scipy.spatial",
            "scipy.special",
            "scipy.stats",
        ),
        "arithmetic (its random numbers are refused below)",
    ),
    **dict.fromkeys(
        (
            "sklearn.cluster",
            "sklearn.covariance",
            "sklearn.decomposition",
            "sklearn.ensemble",
            "sklearn.gaussian_process",
            "sklearn.isotonic",
            "sklearn.linear_model",
            "sklearn.metrics",
            "sklearn.naive_bayes",
            "sklearn.neighbors",
            "sklearn.neural_network",
            "sklearn.pipeline",
            "sklearn.preprocessing",
            "sklearn.svm",
            "sklearn.tree",
        ),
        "models (those that draw random numbers need `random_state`)",
    ),
    "statistics": "pure functions (those that differ between versions of Python are refused below)",
    "string": "constants",
    "types": "only MappingProxyType: a constant table that cannot change",
    "typing": "declares, computes nothing",
}
"""Modules that a strategy may import, with the reason. A package includes its submodules."""

_CLOCK = "reads the wall clock, which a replay cannot repeat; use the event's `ts` or `self.ctx.now`"
_CALENDAR = (
    "can read the wall clock and the local time zone; work from the event's `ts` (ns, UTC), for "
    'instance `numpy.datetime64(bar.ts, "ns")`'
)
LOCAL_TIME = (
    "reads the time zone of the machine; name the zone: `datetime.fromtimestamp(bar.ts / 1e9, tz=UTC)`"
)
_CHANCE = "gives different numbers in every run; use `self.ctx.random`, which a replay repeats"
_FILES = "reads or writes outside the log; pass values in as parameters or `self.ctx.environment`"
_NETWORK = "uses the network, which a replay cannot repeat; a strategy gets its data as events"
_SYSTEM = "differs from machine to machine; use parameters or `self.ctx.environment`"
_TASKS = "runs code outside the order of the log; a hook only computes and returns decisions"
_INTERPRETER = "gives access to the interpreter; a strategy needs only its event, params, state and `ctx`"
_TEXT_LOG = 'writes outside the log; use `self.ctx.log("words", figure=value)`, which records them'
_GC = "depends on when memory is freed, which differs between runs; keep plain values in `self.state`"
_CODE = "runs code that the linter cannot read and the log does not record; write it in this file"

REFUSED_MODULES = {
    "time": _CLOCK,
    "calendar": _CALENDAR,
    "zoneinfo": _CALENDAR,
    "locale": _SYSTEM,
    "random": _CHANCE,
    "secrets": _CHANCE,
    "uuid": _CHANCE,
    "os": _SYSTEM,
    "sys": _SYSTEM,
    "platform": _SYSTEM,
    "getpass": _SYSTEM,
    "io": _FILES,
    "pathlib": _FILES,
    "shutil": _FILES,
    "tempfile": _FILES,
    "glob": _FILES,
    "csv": _FILES,
    "sqlite3": _FILES,
    "pickle": _FILES,
    "shelve": _FILES,
    "pandas_datareader": _NETWORK,
    "yfinance": _NETWORK,
    "pyarrow": _FILES,
    "socket": _NETWORK,
    "ssl": _NETWORK,
    "urllib": _NETWORK,
    "http": _NETWORK,
    "requests": _NETWORK,
    "aiohttp": _NETWORK,
    "httpx": _NETWORK,
    "asyncio": _TASKS,
    "concurrent": _TASKS,
    "contextvars": _TASKS,
    "multiprocessing": _TASKS,
    "queue": _TASKS,
    "sched": _TASKS,
    "signal": _TASKS,
    "subprocess": _TASKS,
    "threading": _TASKS,
    "atexit": _TASKS,
    "builtins": _INTERPRETER,
    "ctypes": _INTERPRETER,
    "importlib": _CODE,
    "inspect": _INTERPRETER,
    "logging": _TEXT_LOG,
    "structlog": _TEXT_LOG,
    "warnings": _TEXT_LOG,
    "gc": _GC,
    "weakref": _GC,
}
"""Modules that are refused everywhere, also as an attribute of an allowed module, with the reason."""

_CACHE = "keeps results that no snapshot contains; keep them in `self.state` or compute them again"
_DECIMAL_CONTEXT = "is shared by the whole process; use `with decimal.localcontext()` or `quantize`"
_NUMPY_SETTING = "changes numpy for the whole process; use `with numpy.errstate(...)` where it is needed"
_NUMPY_UNINITIALISED = "returns whatever was in memory; use `numpy.zeros` or `numpy.full`"

_PANDAS_SETTING = "changes pandas for the whole process; pass the option to the call that needs it"

_SUMMED = "gives different results from Python 3.12 on, which adds floats differently; use `math.fsum`"
_LATER = "is missing in some Python versions that may replay the log; write it in this file"

REFUSED_PATHS = {
    "numpy.random": _CHANCE,
    "statistics.kde_random": _CHANCE,
    **dict.fromkeys(
        ("statistics.correlation", "statistics.covariance", "statistics.linear_regression"), _SUMMED
    ),
    **dict.fromkeys(
        ("copy.replace", "itertools.batched", "math.fma", "math.sumprod", "statistics.kde"), _LATER
    ),
    **dict.fromkeys(("typing.ForwardRef", "typing.get_type_hints"), _CODE),
    **dict.fromkeys(
        (
            "numpy.DataSource",
            "numpy.fromfile",
            "numpy.fromregex",
            "numpy.genfromtxt",
            "numpy.lib.format",
            "numpy.lib.npyio",
            "numpy.load",
            "numpy.loadtxt",
            "numpy.memmap",
            "numpy.save",
            "numpy.savetxt",
            "numpy.savez",
            "numpy.savez_compressed",
        ),
        _FILES,
    ),
    **dict.fromkeys(
        (
            "datetime.date.today",
            "datetime.datetime.now",
            "datetime.datetime.today",
            "datetime.datetime.utcnow",
            "pandas.Timestamp.now",
            "pandas.Timestamp.today",
            "pandas.Timestamp.utcnow",
        ),
        _CLOCK,
    ),
    **dict.fromkeys(("datetime.date.fromtimestamp", "pandas.Timestamp.fromtimestamp"), LOCAL_TIME),
    **dict.fromkeys(
        (
            "pandas.ExcelFile",
            "pandas.ExcelWriter",
            "pandas.HDFStore",
            *(
                f"pandas.read_{form}"
                for form in (
                    *("clipboard", "csv", "excel", "feather", "fwf", "gbq", "hdf", "html", "json", "orc"),
                    *("parquet", "pickle", "sas", "spss", "sql", "sql_query", "sql_table", "stata", "table"),
                    "xml",
                )
            ),
        ),
        _FILES,
    ),
    **dict.fromkeys(("pandas.options", "pandas.reset_option", "pandas.set_option"), _PANDAS_SETTING),
    **dict.fromkeys(("pandas.eval",), _CODE),
    **dict.fromkeys(("pandas.testing", "pandas.util"), _INTERPRETER),
    **dict.fromkeys(
        (
            "scipy.optimize.basinhopping",
            "scipy.optimize.differential_evolution",
            "scipy.optimize.dual_annealing",
            "scipy.stats.bootstrap",
            "scipy.stats.monte_carlo_test",
            "scipy.stats.permutation_test",
            "scipy.stats.qmc",
            "scipy.stats.sampling",
            "scipy.sparse.random",
            "scipy.sparse.load_npz",
            "scipy.sparse.save_npz",
        ),
        _CHANCE,
    ),
    **dict.fromkeys(("numpy.empty", "numpy.empty_like"), _NUMPY_UNINITIALISED),
    **dict.fromkeys(
        ("numpy.seterr", "numpy.seterrcall", "numpy.setbufsize", "numpy.set_printoptions"), _NUMPY_SETTING
    ),
    **dict.fromkeys(("numpy.ctypeslib", "numpy.f2py", "numpy.testing"), _INTERPRETER),
    **dict.fromkeys(("functools.cache", "functools.cached_property", "functools.lru_cache"), _CACHE),
    **dict.fromkeys(
        ("decimal.BasicContext", "decimal.DefaultContext", "decimal.getcontext", "decimal.setcontext"),
        _DECIMAL_CONTEXT,
    ),
}
"""Parts of allowed modules that are refused, with the reason."""

_NAMES_OF = {
    "strategies.sdk": frozenset(sdk.__all__),
    "types": frozenset({"MappingProxyType"}),
}
"""The only names that are allowed of these modules."""

REFUSED_BUILTINS = {
    "open": _FILES,
    "input": "waits for a person; pass values in as parameters",
    "print": _TEXT_LOG,
    "breakpoint": "stops the run; step through it with `replay` instead",
    "help": "waits for a person; read the SDK's docstrings instead",
    "exit": "ends the process; return no decisions instead",
    "quit": "ends the process; return no decisions instead",
    "exec": _CODE,
    "eval": _CODE,
    "compile": _CODE,
    "__import__": _CODE,
    "globals": "gives access to the module's hidden state; keep state in `self.state`",
    "locals": "gives access to the frame's hidden state; name the variables you need",
    "vars": "gives access to an object's hidden state; name the attribute you need",
    "id": "is a memory address, different in every run; compare with `is`, or use the symbol as key",
    "hash": "of text differs from run to run; use the value itself as the key",
}
"""Built-in functions that are refused, with the reason."""

REFUSED_ATTRIBUTES = {
    **dict.fromkeys(
        (
            *("tofile", "to_clipboard", "to_csv", "to_excel", "to_feather", "to_gbq", "to_hdf", "to_orc"),
            *("to_parquet", "to_pickle", "to_sql", "to_stata", "to_xml"),
        ),
        "writes outside the log; keep values in `self.state`",
    ),
    "rvs": _CHANCE,
    "utcnow": _CLOCK,
}
"""Attributes of any object that are refused, with the reason."""

NEEDS_SEED = frozenset(
    {
        *("DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor"),
        *("ExtraTreesClassifier", "ExtraTreesRegressor", "GradientBoostingClassifier"),
        *("GradientBoostingRegressor", "HistGradientBoostingClassifier", "HistGradientBoostingRegressor"),
        *("IsolationForest", "KMeans", "MLPClassifier", "MLPRegressor", "MiniBatchKMeans"),
        *("RandomForestClassifier", "RandomForestRegressor", "SGDClassifier", "SGDRegressor"),
        *("AdaBoostClassifier", "AdaBoostRegressor", "BaggingClassifier", "BaggingRegressor"),
        *("BisectingKMeans", "FastICA", "MiniBatchDictionaryLearning", "NMF", "RANSACRegressor"),
        *("SpectralClustering", "TruncatedSVD", "LinearSVC", "Perceptron", "PassiveAggressiveClassifier"),
    }
)
"""Models of scikit-learn that draw random numbers: they are made with ``random_state=``."""

ALLOWED_DUNDER_ATTRIBUTES = frozenset({"__init__", "__name__", "__doc__", "__post_init__"})
"""Dunder attributes that may be used; all others are refused."""

ALLOWED_DUNDER_NAMES = frozenset({"__all__", "__debug__", "__doc__", "__name__"})

REFUSED_METHODS = {
    "__del__": "runs when memory is freed, which differs between runs; use `on_stop`",
    **dict.fromkeys(
        ("__delattr__", "__getattr__", "__getattribute__", "__setattr__"),
        "hides where state is kept; declare a field of the State struct",
    ),
}
"""Methods that may not be defined, with the reason."""


def refusal(dotted_path: str) -> str | None:
    """The reason why this dotted path may not be used; ``None`` if it may."""
    parts = dotted_path.split(".")
    for length in range(len(parts), 0, -1):
        prefix = ".".join(parts[:length])
        if prefix in REFUSED_PATHS:
            return f"`{prefix}` {REFUSED_PATHS[prefix]}"
    for place, part in enumerate(parts, start=1):
        if part in REFUSED_MODULES and ".".join(parts[:place]) not in ALLOWED_IMPORTS:
            return f"`{part}` {REFUSED_MODULES[part]}"
    for module, names in _NAMES_OF.items():
        name = dotted_path.removeprefix(f"{module}.").split(".")[0]
        if dotted_path.startswith(f"{module}.") and name not in names:
            return f"`{module}` has no `{name}` for strategies; it offers {', '.join(sorted(names))}"
    return None


def is_allowed_module(module: str) -> bool:
    """Whether the module, or a package that holds it, may be imported."""
    return any(module == allowed or module.startswith(f"{allowed}.") for allowed in ALLOWED_IMPORTS)
