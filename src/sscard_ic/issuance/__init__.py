"""From a batch file of holders to verified cards and a return file."""
