"""Every failure of the tables: on the wire, at the sign-in, of Exchange Web Services and of Graph."""

from __future__ import annotations

from tests.outmail.diagnosis import rows
from tests.outmail.diagnosis.rows import Row
from tests.outmail.diagnosis.rows_entra import ENTRA_ROWS
from tests.outmail.diagnosis.rows_ews_send import EWS_ROWS
from tests.outmail.diagnosis.rows_graph import GRAPH_ROWS
from tests.outmail.diagnosis.rows_oauth import OAUTH_ROWS
from tests.outmail.diagnosis.rows_tokens import TOKEN_ROWS

ROWS: tuple[Row, ...] = (*rows.ROWS, *ENTRA_ROWS, *OAUTH_ROWS, *TOKEN_ROWS, *GRAPH_ROWS, *EWS_ROWS)
