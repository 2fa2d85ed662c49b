"""Files of banks' data preparation (ref 04 §7.10): read into plans of cards."""

from sscard_ic.issuance.bank.files.raw import BankFileError
from sscard_ic.issuance.bank.files.reading import FORMATS, BankFile, read_bank_file

__all__ = ["FORMATS", "BankFile", "BankFileError", "read_bank_file"]
