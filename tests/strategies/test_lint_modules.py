"""Dates, tables and models: the parts that compute are allowed, clocks, zones, files and chance are not."""

import pytest

from strategies.sdk.lint import lint_source


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import UTC, date, datetime, timedelta\n\n\ndef f(ts):\n"
        "    return datetime.fromtimestamp(ts / 1e9, tz=UTC).date() - date(2020, 1, 1) > timedelta(days=1)\n",
        "import datetime as dt\n\n\ndef f(ts):\n    return dt.datetime.fromtimestamp(ts, dt.UTC).weekday()\n",
        "import pandas as pd\n\n\ndef f(closes):\n    return pd.Series(closes).rolling(3).mean().iloc[-1]\n",
        "import pandas as pd\n\n\ndef f(ts):\n    return pd.Timestamp(ts, tz='UTC').month\n",
        "from scipy import stats\n\n\ndef f(a, b):\n    return stats.linregress(a, b).slope\n",
        "from scipy.signal import lfilter\n\n\ndef f(x):\n    return lfilter([1.0], [1.0, -0.5], x)\n",
        "from sklearn.linear_model import LinearRegression\n\n\ndef f(a, b):\n"
        "    return LinearRegression().fit(a, b)\n",
        "from sklearn.ensemble import RandomForestClassifier\n\n\ndef f(a, b):\n"
        "    return RandomForestClassifier(random_state=1).fit(a, b)\n",
        "import statistics\n\n\ndef f(closes):\n    return statistics.fmean(closes)\n",
    ],
)
def test_parts_that_only_compute_are_allowed(source: str) -> None:
    assert lint_source(source, "x.py") == ()


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (
            "from datetime import datetime\nX = datetime.now()\n",
            "`datetime.datetime.now` reads the wall",
        ),
        ("import datetime\nX = datetime.date.today()\n", "`datetime.date.today` reads the wall clock"),
        ("from datetime import datetime as d\nX = d.utcnow()\n", "reads the wall clock"),
        (
            "from datetime import datetime\nX = datetime.fromtimestamp(1.0)\n",
            "`datetime.datetime.fromtimestamp` without a zone reads the time zone of the machine; name",
        ),
        (
            "from datetime import datetime\nX = datetime(2020, 1, 1).astimezone()\n",
            "`astimezone` without a zone",
        ),
        ("from datetime import datetime\nX = datetime(2020, 1, 1).timestamp()\n", "use the event's `ts`"),
        ("import pandas as pd\nX = pd.Timestamp.now()\n", "`pandas.Timestamp.now` reads the wall clock"),
        ("import pandas as pd\nX = pd.Timestamp('now')\n", "`pandas.Timestamp('now')` reads the wall clock"),
        (
            "import pandas as pd\nX = pd.read_csv('x.csv')\n",
            "`pandas.read_csv` reads or writes outside",
        ),
        ("import pandas as pd\nX = pd.Series().to_csv('x.csv')\n", "`to_csv` writes outside the log"),
        ("import pandas as pd\npd.set_option('a', 1)\n", "changes pandas for the whole process"),
        ("from scipy import io\n", "`io` reads or writes outside the log"),
        ("import scipy\n", "`scipy` may not be imported"),
        ("from scipy import stats\nX = stats.norm.rvs(3)\n", "`rvs` gives different numbers in every run"),
        ("from sklearn.cluster import KMeans\nX = KMeans(3)\n", "give it `random_state=` a whole number"),
        ("from sklearn.datasets import load_iris\n", "`sklearn.datasets` may not be imported"),
        ("print('x')\n", '`print` writes outside the log; use `self.ctx.log("words", figure=value)`'),
    ],
)
def test_their_clocks_zones_files_and_chance_are_refused(source: str, problem: str) -> None:
    assert problem in "\n".join(map(str, lint_source(source, "x.py")))
